"""Shared by several tests."""

from __future__ import annotations

import os
import time
import unittest
from pathlib import Path
from typing import Callable, List, Optional
from unittest import mock

from vigia import Frame, FrameReader

from .picture import Picture
from .supplier import Supplier

VECTORS = Path(__file__).resolve().parents[3] / "docs/protocol/vectors/frame-readers.json"
WAKES = ("socket", "futex")


def ours_in_shm() -> List[str]:
    """Files in /dev/shm that this process's tests made."""
    pid = os.getpid()
    return [name for name in os.listdir("/dev/shm") if name.startswith((f"vigia_pytest{pid}_", f"vigia_reader_{pid}_"))]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def mapping_count() -> int:
    with open("/proc/self/maps") as maps:
        return sum(1 for _ in maps)


def virtual_kib() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmSize:"))


def without_numpy() -> mock._patch_dict:
    """Makes ``import numpy`` fail, as if it were not installed."""
    return mock.patch.dict("sys.modules", {"numpy": None})


class SupplierCase(unittest.TestCase):
    """Tests with suppliers; they leave nothing in /dev/shm."""

    def setUp(self) -> None:
        self.addCleanup(lambda: self.assertEqual(ours_in_shm(), []))  # the last of the cleanups

    def start(self, seats: int = 4, picture: Optional[Picture] = None, answer: object = ...) -> Supplier:
        supplier = Supplier(seats, picture, answer)
        self.addCleanup(supplier.close)
        return supplier

    def attach(
        self, supplier: Supplier, reader_id: str = "people", wake: str = "socket", **options: float
    ) -> FrameReader:
        reader = FrameReader.attach(supplier.socket_path, reader_id, wake=wake, **options)
        self.addCleanup(reader.close)
        return reader

    def take(self, reader: FrameReader) -> Frame:
        """The next frame; fails when there is none."""
        frame = reader.next(timeout=5)
        self.assertIsNotNone(frame, f"the stream has ended: {reader.end}")
        return frame

    def held(self, supplier: Supplier, index: int = 0) -> int:
        """The slot that a reader holds, according to its supplier."""
        slot = supplier.readers[index].slot
        self.assertIsNotNone(slot)
        return slot

    def eventually(self, condition: Callable[[], bool]) -> None:
        """Waits up to 5 s for an effect of another thread or process."""
        limit = time.monotonic() + 5
        while not condition():
            self.assertLess(time.monotonic(), limit, "it did not happen")
            time.sleep(0.002)
