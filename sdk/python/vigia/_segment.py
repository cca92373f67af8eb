"""A frame segment, mapped read-only. Its content is validated before it is trusted."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple, Optional, Tuple

from ._layout import (
    FORMAT_NAMES,
    PAGE_BYTES,
    SLOT_BYTES,
    SLOTS_MAX,
    SLOTS_OFFSET,
    VERSION,
    SegmentHeader,
    SlotEntry,
    data_offset,
    round_up,
)
from ._picture import Plane, problem_of
from ._shared_memory import Fence, map_read_only, open_regular
from .errors import SegmentError

_HEADER = struct.Struct("<II3Q")  # version to data offset
_STAMP = struct.Struct("<Qqq4I6II")  # captured to byte length


class Stamp(NamedTuple):
    """A slot's entry about its frame. Names and units as in :class:`vigia.Frame`."""

    captured_monotonic_ns: int
    captured_wall_us: int
    pts_us: int
    width: int
    height: int
    format: str
    planes: Tuple[Plane, ...]
    byte_length: int


class Segment:
    """One creation of a segment. Unmapped once neither this object nor a view of its pixels is left."""

    def __init__(self, path: str, view: memoryview) -> None:
        """Checks the header. Raises SegmentError."""
        self.path = path
        self.slots, self.epoch, self._stride, self._data = _checked_header(path, view)
        self._view = view
        # Up to the data only: the total length need not be a multiple of 8.
        self._words = view[: self._data].cast("Q")
        self._fence = Fence()

    def holds(self, slot: int, generation: int) -> bool:
        """Whether everything read from the slot so far belongs to this generation (SYNC F)."""
        self._fence()
        return self._words[(SLOTS_OFFSET + slot * SLOT_BYTES) // 8] == generation

    def stamp(self, slot: int, generation: int) -> Optional[Stamp]:
        """The frame in a slot; None when the slot holds another generation. Raises SegmentError for an inconsistent
        entry.
        """
        if slot >= self.slots or generation % 2 or generation == 0:
            raise _invalid(self.path, f"an offer of slot {slot} of {self.slots}, generation {generation}")
        if not self.holds(slot, generation):
            return None
        self._fence()
        fields = _STAMP.unpack_from(self._view, SLOTS_OFFSET + slot * SLOT_BYTES + SlotEntry.CAPTURED_MONOTONIC_NS)
        # Torn data proves nothing, so the generation is checked again before an error is raised.
        if not self.holds(slot, generation):
            return None
        return self._checked(slot, fields)

    def frame_id(self, slot: int) -> int:
        """The number of the frame in a slot; valid if the slot still ``holds`` its generation afterwards."""
        return self._words[(SLOTS_OFFSET + slot * SLOT_BYTES + SlotEntry.FRAME_ID) // 8]

    def pixels(self, slot: int, byte_length: int) -> memoryview:
        """The slot's pixels: a view, not a copy."""
        start = self._data + slot * self._stride
        return self._view[start : start + byte_length]

    def slice(self, slot: int, offset: int, byte_length: int) -> memoryview:
        """That many bytes from ``offset``, counted from the start of the file: a view, not a copy.

        Raises SegmentError unless they lie in that slot's pixels.
        """
        start = self._data + slot * self._stride
        if slot >= self.slots or offset < start or offset + byte_length > start + self._stride:
            raise _invalid(self.path, f"{byte_length} bytes at {offset} are not within slot {slot} of {self.slots}")
        return self._view[offset : offset + byte_length]

    def _checked(self, slot: int, fields: Tuple[int, ...]) -> Stamp:
        captured, wall, pts, width, height, code, count, *pairs, byte_length = fields
        where = f"slot {slot} holds"
        pixel_format = FORMAT_NAMES.get(code)
        if pixel_format is None:
            raise _invalid(self.path, f"{where} format {code}, 1 to {len(FORMAT_NAMES)} are known")
        if byte_length > self._stride:
            raise _invalid(self.path, f"{where} {byte_length} bytes, it has room for {self._stride}")
        if not 1 <= count <= 3:
            raise _invalid(self.path, f"{where} {count} planes, 1 to 3 are allowed")
        planes = tuple(Plane(pairs[2 * i], pairs[2 * i + 1]) for i in range(count))
        problem = problem_of(pixel_format, width, height, planes, byte_length)
        if problem is not None:
            raise _invalid(self.path, f"{where} {problem}")
        return Stamp(captured, wall, pts, width, height, pixel_format, planes, byte_length)


def open_segment(path: str, epoch: int) -> Optional[Segment]:
    """Maps the segment of that epoch.

    None when it does not exist: removed, replaced by its successor, or still being created (its magic is written last).
    Raises SegmentError when the file is not a segment of this version.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _invalid(path, f"not readable as a segment ({error.strerror})") from error
    try:
        view = map_read_only(descriptor)
    except OSError as error:
        raise _invalid(path, f"it cannot be mapped ({error.strerror})") from error
    finally:
        os.close(descriptor)
    if len(view) == 0 or bytes(view[:8]) == bytes(8):
        return None
    segment = Segment(path, view)
    return segment if segment.epoch == epoch else None


def _checked_header(path: str, view: memoryview) -> Tuple[int, int, int, int]:
    """Slots, epoch, stride and data offset, after checking that nothing leads outside the file."""
    if len(view) < PAGE_BYTES:
        raise _invalid(path, f"{len(view)} bytes, a header has {PAGE_BYTES}")
    if bytes(view[:8]) != SegmentHeader.MAGIC_VALUE:
        raise _invalid(path, "not a frame segment")
    version, slots, epoch, stride, data = _HEADER.unpack_from(view, SegmentHeader.VERSION)
    if version != VERSION:
        raise _invalid(path, f"version {version} of the segment layout, {VERSION} is understood")
    if not 1 <= slots <= SLOTS_MAX:
        raise _invalid(path, f"{slots} slots, 1 to {SLOTS_MAX} are allowed")
    if stride == 0 or stride != round_up(stride):
        raise _invalid(path, f"slots of {stride} bytes, a multiple of {PAGE_BYTES} is needed")
    if data != data_offset(slots):
        raise _invalid(path, f"data at {data}, {data_offset(slots)} is right for {slots} slots")
    if data + slots * stride > len(view):
        raise _invalid(path, f"{len(view)} bytes, the header speaks of {data + slots * stride}")
    return slots, epoch, stride, data


def _invalid(path: str, what: str) -> SegmentError:
    return SegmentError("segment_invalid", f"{path}: {what}")
