"""This reader's entry in the seat table: its supplier's offers."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from ._futex import FutexWord
from ._layout import (
    FRAME_SLOTS,
    PAGE_BYTES,
    SEAT_BYTES,
    SEAT_OPEN,
    SEATS_MAX,
    SEATS_OFFSET,
    TABLE_LIVE,
    VERSION,
    SeatEntry,
    SeatsHeader,
)
from ._shared_memory import Fence, map_read_only, open_regular
from .errors import SeatsError

_BELL = SeatEntry.BELL // 4
_STATE = SeatEntry.STATE // 4
_DELIVERED = SeatEntry.DELIVERED // 4
_WANTED = SeatEntry.WANTED // 4


class Offer(NamedTuple):
    """The location of an offered frame, and until when (CLOCK_MONOTONIC ns) it may be taken."""

    frame_id: int
    slot: int
    generation: int
    epoch: int
    stale_from_ns: int


class Seat:
    """A read-only view of one seat."""

    def __init__(self, path: str, index: int, epoch: int, futex: bool) -> None:
        """Maps and validates the table. ``futex``: whether to wait for the bell. Raises SeatsError."""
        self.futex: Optional[FutexWord] = None
        try:
            descriptor = open_regular(path)
            try:
                view = map_read_only(descriptor)
                _check(path, view, index, epoch)
                if futex:
                    self.futex = FutexWord(descriptor, SEATS_OFFSET + index * SEAT_BYTES + SeatEntry.BELL)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _invalid(path, f"not readable as a seat table ({error.strerror})") from error
        start = SEATS_OFFSET + index * SEAT_BYTES
        entry = view[start : start + SEAT_BYTES]
        header = view[:PAGE_BYTES]
        self._words32 = entry.cast("I")
        self._words64 = entry.cast("Q")
        self._header32 = header.cast("I")
        self._header64 = header.cast("Q")
        self._fence = Fence()

    @property
    def bell(self) -> int:
        """Changes with every change for this reader. Load it first."""
        return self._words32[_BELL]

    @property
    def open(self) -> bool:
        """Whether this is still the reader's seat."""
        return self._words32[_STATE] == SEAT_OPEN

    @property
    def table_live(self) -> bool:
        """Whether the supplier has not closed the whole table."""
        return self._header32[SeatsHeader.STATE // 4] == TABLE_LIVE

    @property
    def delivered(self) -> int:
        """Deliveries since the seat was taken."""
        return self._words32[_DELIVERED]

    @property
    def wanted(self) -> bool:
        """Whether a due frame waits for this reader; together with an offer: that it was overtaken."""
        return self._words32[_WANTED] == 1

    @property
    def heartbeat_ns(self) -> int:
        """The supplier's last heartbeat, CLOCK_MONOTONIC ns."""
        return self._header64[SeatsHeader.HEARTBEAT // 8]

    def offer(self) -> Offer:
        """The offer; load it after ``delivered`` has reached the number of requests."""
        self._fence()
        words = self._words64
        frame = words[SeatEntry.FRAME // 8]
        return Offer(
            frame // FRAME_SLOTS,
            frame % FRAME_SLOTS,
            words[SeatEntry.GENERATION // 8],
            words[SeatEntry.EPOCH // 8],
            words[SeatEntry.STALE_FROM // 8],
        )

    def close(self) -> None:
        """Releases the mappings; the object must be dropped afterwards. Idempotent."""
        for words in (self._words32, self._words64, self._header32, self._header64):
            words.release()
        if self.futex is not None:
            self.futex.close()


def _check(path: str, view: memoryview, index: int, epoch: int) -> None:
    """Raises SeatsError unless this is the expected table and has that seat."""
    if len(view) < PAGE_BYTES or bytes(view[:8]) != SeatsHeader.MAGIC_VALUE:
        raise _invalid(path, "not a seat table")
    words = view[:PAGE_BYTES].cast("I")
    version = words[SeatsHeader.VERSION // 4]
    if version != VERSION:
        raise _invalid(path, f"version {version} of the seat table, {VERSION} is understood")
    count = words[SeatsHeader.SEAT_COUNT // 4]
    if not 1 <= count <= SEATS_MAX:
        raise _invalid(path, f"{count} seats, 1 to {SEATS_MAX} are allowed")
    if index >= count:
        raise _invalid(path, f"it has {count} seats, this reader was given number {index}")
    if SEATS_OFFSET + count * SEAT_BYTES > len(view):
        raise _invalid(path, f"{len(view)} bytes are too few for {count} seats")
    if view[:PAGE_BYTES].cast("Q")[SeatsHeader.EPOCH // 8] != epoch:
        raise _invalid(path, "not the expected seat table")


def _invalid(path: str, what: str) -> SeatsError:
    return SeatsError("seats_invalid", f"{path}: {what}")
