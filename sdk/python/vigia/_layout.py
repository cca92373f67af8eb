"""Byte offsets of docs/protocol/frame-readers.md and frame-segment.md, version 1. Little-endian, offsets in bytes."""

from __future__ import annotations

VERSION = 1
"""Version of both layouts and of the messages. Any other is refused."""
PAGE_BYTES = 4096
"""Headers, slots and data are multiples of this, independent of the machine's page size."""
FRAME_SLOTS = 4096
"""A frame reference is frame id × this + slot."""


class SeatsHeader:
    """Header of a seat table."""

    MAGIC_VALUE = b"VIGIASEA"
    MAGIC = 0
    VERSION = 8
    SEAT_COUNT = 12
    EPOCH = 16
    WRITER_PID = 40
    STATE = 44
    HEARTBEAT = 64


SEATS_OFFSET = 4096
SEAT_BYTES = 64
SEATS_MAX = 256


class SeatEntry:
    """One reader's entry in a seat table."""

    BELL = 0
    STATE = 4
    DELIVERED = 8
    WANTED = 12
    FRAME = 16
    GENERATION = 24
    EPOCH = 32
    STALE_FROM = 40


SEAT_FREE, SEAT_OPEN, SEAT_CLOSED = 0, 1, 2
TABLE_LIVE, TABLE_CLOSED = 1, 2


class ReaderPageOffsets:
    """A reader's own page."""

    MAGIC_VALUE = b"VIGIARDR"
    MAGIC = 0
    VERSION = 8
    WRITER_PID = 40
    HEARTBEAT = 64
    READY = 128
    SETTLED = 132
    EXPIRED = 136
    TAKEN = 144


class SegmentHeader:
    """Header of a frame segment."""

    MAGIC_VALUE = b"VIGIAFRM"
    MAGIC = 0
    VERSION = 8
    SLOT_COUNT = 12
    EPOCH = 16
    SLOT_STRIDE = 24
    DATA_OFFSET = 32
    WRITER_PID = 40
    STATE = 44
    HEAD = 48
    DOORBELL = 56
    HEARTBEAT = 64


SLOTS_MAX = 4095
SLOTS_OFFSET = 4096
SLOT_BYTES = 128


class SlotEntry:
    """One slot's entry in a frame segment."""

    GENERATION = 0
    FRAME_ID = 8
    CAPTURED_MONOTONIC_NS = 16
    CAPTURED_WALL_US = 24
    PTS_US = 32
    WIDTH = 40
    HEIGHT = 44
    FORMAT = 48
    PLANE_COUNT = 52
    PLANES = 56
    BYTE_LENGTH = 80


FORMAT_NAMES = {1: "NV12", 2: "I420", 3: "RGB24", 4: "BGR24", 5: "GRAY8"}

ATTACH_LIMIT_BYTES = 4096
"""Longest attach message, either way."""


def round_up(size: int) -> int:
    """The next multiple of PAGE_BYTES."""
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def data_offset(slots: int) -> int:
    """Bytes from the start of a segment to slot 0's pixels."""
    return round_up(SLOTS_OFFSET + slots * SLOT_BYTES)
