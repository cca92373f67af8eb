"""The supplier's side of shared memory, for tests: a frame segment and a seat table by the protocol pages.

Written from the pages with plain numbers, not with the reader's constants, so that the same mistake is not made twice.
"""

from __future__ import annotations

import mmap
import os
import struct
import time


def create_mapped(path: str, size: int) -> mmap.mmap:
    """A new file of that size, mapped for writing."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
    try:
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def new_epoch() -> int:
    """Random and odd."""
    return int.from_bytes(os.urandom(8), "little") | 1


class Words:
    """Single 32-bit and 64-bit words of a mapping, by byte offset."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.words32 = memoryview(memory).cast("I")
        self.words64 = memoryview(memory).cast("Q")

    def close(self) -> None:
        self.words32.release()
        self.words64.release()


class SegmentWriter:
    """Writes frames of one size and format."""

    def __init__(self, path: str, slots: int, slot_bytes: int) -> None:
        self.path = path
        self.slots = slots
        self.epoch = new_epoch()
        self.stride = (slot_bytes + 4095) // 4096 * 4096
        self.data = (4096 + slots * 128 + 4095) // 4096 * 4096
        self.memory = create_mapped(path, self.data + slots * self.stride)
        header = struct.pack("<IIQQQIIQII", 1, slots, self.epoch, self.stride, self.data, os.getpid(), 1, 0, 0, 0)
        self.memory[8 : 8 + len(header)] = header
        self.memory[64:72] = struct.pack("<Q", time.monotonic_ns())
        self.memory[0:8] = b"VIGIAFRM"
        self.words = Words(self.memory)

    def generation(self, slot: int) -> int:
        return self.words.words64[(4096 + slot * 128) // 8]

    def begin(self, slot: int) -> None:
        at = (4096 + slot * 128) // 8
        if self.words.words64[at] % 2 == 0:
            self.words.words64[at] += 1

    def commit(self, slot: int, frame_id: int, stamp: bytes) -> int:
        """``stamp``: the entry from `captured` to `byte length`. Returns the generation."""
        start = 4096 + slot * 128
        self.memory[start + 8 : start + 16] = struct.pack("<Q", frame_id)
        self.memory[start + 16 : start + 16 + len(stamp)] = stamp
        self.words.words64[start // 8] += 1
        self.words.words64[48 // 8] = frame_id * 4096 + slot
        self.words.words32[56 // 4] += 1
        self.words.words64[64 // 8] = time.monotonic_ns()
        return self.generation(slot)

    def write_pixels(self, slot: int, pixels: bytes) -> None:
        start = self.data + slot * self.stride
        self.memory[start : start + len(pixels)] = pixels

    def close(self) -> None:
        self.words.words32[44 // 4] = 2
        os.unlink(self.path)
        self.words.close()
        self.memory.close()


class SeatTable:
    """Writes the seat table."""

    def __init__(self, path: str, seats: int) -> None:
        self.path = path
        self.seats = seats
        self.epoch = new_epoch()
        self.memory = create_mapped(path, (4096 + seats * 64 + 4095) // 4096 * 4096)
        header = struct.pack("<IIQ", 1, seats, self.epoch)
        self.memory[8 : 8 + len(header)] = header
        self.memory[40:48] = struct.pack("<II", os.getpid(), 1)
        self.words = Words(self.memory)
        self.heartbeat()
        self.memory[0:8] = b"VIGIASEA"

    def heartbeat(self) -> None:
        self.words.words64[64 // 8] = time.monotonic_ns()

    def open(self, seat: int) -> None:
        start = 4096 + seat * 64
        self.memory[start : start + 64] = bytes(64)
        self.set(seat, 4, 1)

    def set(self, seat: int, field: int, value: int) -> None:
        self.words.words32[(4096 + seat * 64 + field) // 4] = value

    def get(self, seat: int, field: int) -> int:
        return self.words.words32[(4096 + seat * 64 + field) // 4]

    def offer(self, seat: int, delivered: int, frame: int, generation: int, epoch: int, stale_from: int) -> None:
        start = (4096 + seat * 64 + 16) // 8
        for i, value in enumerate((frame, generation, epoch, stale_from)):
            self.words.words64[start + i] = value
        self.set(seat, 12, 0)
        self.set(seat, 8, delivered)
        self.ring(seat)

    def ring(self, seat: int) -> None:
        self.set(seat, 0, (self.get(seat, 0) + 1) & 0xFFFF_FFFF)

    def bell_offset(self, seat: int) -> int:
        return 4096 + seat * 64

    def close(self) -> None:
        self.words.words32[44 // 4] = 2
        os.unlink(self.path)
        self.words.close()
        self.memory.close()
