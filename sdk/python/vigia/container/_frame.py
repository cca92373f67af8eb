"""A frame as seen by the model's function."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from .._picture import Plane
from ..errors import VigiaError
from ._pixels import numpy_module, rgb_array, rgb_bytes


class Frame:
    """One picture, copied out of its sender's memory and checked to be whole. It belongs to the function.

    A model uses :meth:`array` or :meth:`rgb`, which convert the pixels on first use. The camera is unknown here: a
    container keeps no state per camera.

    Attributes:
        frame_id: the sender's number of the frame.
        width, height: pixels.
        format: of ``pixels``: ``NV12``, ``I420``, ``RGB24``, ``BGR24`` or ``GRAY8``.
        planes: tuple of :class:`vigia.Plane`, offset in ``pixels`` and bytes per line.
        pixels: the original bytes, lines with their padding.
    """

    def __init__(
        self,
        pixels: bytearray,
        pixel_format: str,
        width: int,
        height: int,
        planes: Tuple[Plane, ...],
        frame_id: int = 0,
    ) -> None:
        """``planes`` must lie in ``pixels``."""
        self.frame_id = frame_id
        self.width = width
        self.height = height
        self.format = pixel_format
        self.planes = planes
        self.pixels = memoryview(pixels).toreadonly()
        self._pixels = pixels
        self._array: Optional[Any] = None
        self._rgb: Optional[bytes] = None

    def array(self) -> Any:
        """H×W×3 RGB as a numpy array of bytes, contiguous and writable. The same one each time.

        For packed RGB24 it is the frame's own memory: writes to it show in ``pixels`` too.

        Raises VigiaError ``numpy_missing``.
        """
        if self._array is None:
            numpy = numpy_module()
            if numpy is None:
                raise VigiaError("numpy_missing", "array() needs numpy; use rgb(), or install vigia[numpy]")
            self._array = rgb_array(numpy, self._pixels, self.format, self.width, self.height, self.planes)
        return self._array

    def rgb(self) -> bytes:
        """Packed RGB24: ``width * height * 3`` bytes. Slow for NV12 and I420 without numpy."""
        if self._rgb is None:
            shape = (self._pixels, self.format, self.width, self.height, self.planes)
            numpy = numpy_module()
            self._rgb = rgb_bytes(*shape) if numpy is None else rgb_array(numpy, *shape).tobytes()
        return self._rgb

    def __repr__(self) -> str:
        return f"<Frame {self.frame_id} {self.width}x{self.height} {self.format}>"
