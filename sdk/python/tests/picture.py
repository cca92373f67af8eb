"""The pictures of the test supplier."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Callable, Optional, Tuple

FORMATS = {"NV12": 1, "I420": 2, "RGB24": 3, "BGR24": 4, "GRAY8": 5}


@dataclass
class Picture:
    """A picture's shape. ``fill``: the pixels of a frame number."""

    width: int = 64
    height: int = 48
    format: str = "RGB24"
    planes: Tuple[Tuple[int, int], ...] = ((0, 192),)
    byte_length: int = 64 * 48 * 3
    fill: Optional[Callable[[int], bytes]] = None

    def pixels(self, frame_id: int) -> bytes:
        return self.fill(frame_id) if self.fill else bytes([frame_id % 256]) * self.byte_length

    def stamp(self, captured_ns: int) -> bytes:
        pairs = [number for plane in self.planes for number in plane]
        pairs += [0] * (6 - len(pairs))
        return struct.pack(
            "<Qqq4I6II",
            captured_ns,
            1_767_225_600_123_456,
            40_000,
            self.width,
            self.height,
            FORMATS[self.format],
            len(self.planes),
            *pairs,
            self.byte_length,
        )
