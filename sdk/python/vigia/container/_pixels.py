"""The memory layout of frames, and their conversion to RGB24.

4:2:0 formats are BT.601 of limited range; each chroma sample covers a square of 2×2 pixels. The results with and
without numpy are identical.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from .._picture import Plane

# 16 fractional bits.
_Y, _RV, _GU, _GV, _BU = 76_309, 104_597, -25_675, -53_279, 132_201
_HALF = 1 << 15


def lines_of(pixel_format: str, width: int, height: int) -> List[Tuple[int, int]]:
    """Lines and bytes per line of each plane, without padding. Chroma is halved, odd sizes rounded up."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    if pixel_format == "GRAY8":
        return [(height, width)]
    if pixel_format == "NV12":
        return [(height, width), (half_height, 2 * half_width)]
    if pixel_format == "I420":
        return [(height, width), (half_height, half_width), (half_height, half_width)]
    return [(height, 3 * width)]


def packed_layout(pixel_format: str, width: int, height: int) -> Tuple[Tuple[Plane, ...], int]:
    """The planes of a tightly packed frame, one after another, and its size in bytes."""
    planes, offset = [], 0
    for count, length in lines_of(pixel_format, width, height):
        planes.append(Plane(offset, length))
        offset += count * length
    return tuple(planes), offset


def numpy_module() -> Optional[Any]:
    """numpy if it is installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def rgb_array(
    numpy: Any, pixels: bytearray, pixel_format: str, width: int, height: int, planes: Sequence[Plane]
) -> Any:
    """A new H×W×3 array, except for packed RGB24, whose memory is used directly."""
    if pixel_format in ("RGB24", "BGR24"):
        plane = planes[0]
        view = numpy.ndarray((height, width, 3), numpy.uint8, pixels, plane.offset, (plane.stride, 3, 1))
        return numpy.ascontiguousarray(view if pixel_format == "RGB24" else view[:, :, ::-1])
    luma = _array(numpy, pixels, planes[0], (height, width), 1)
    out = numpy.empty((height, width, 3), numpy.uint8)
    if pixel_format == "GRAY8":
        out[:] = luma[:, :, None]
        return out
    u, v = _chroma(numpy, pixels, pixel_format, width, height, planes)
    # Products at chroma resolution: a quarter of the work.
    parts = (_RV * v, _GU * u + _GV * v, _BU * u)
    bright = (luma.astype(numpy.int32) - 16) * _Y + _HALF
    for channel, part in enumerate(parts):
        whole = part.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
        out[:, :, channel] = ((bright + whole) >> 16).clip(0, 255)
    return out


def rgb_bytes(pixels: bytearray, pixel_format: str, width: int, height: int, planes: Sequence[Plane]) -> bytes:
    """Packed RGB24, without numpy: about ten times slower for 4:2:0, as fast for the others."""
    if pixel_format in ("NV12", "I420"):
        return _rgb_from_yuv(pixels, pixel_format, width, height, planes)
    plane, length = planes[0], lines_of(pixel_format, width, height)[0][1]
    if plane.stride == length:
        packed = pixels[plane.offset : plane.offset + height * length]
    else:
        starts = (plane.offset + row * plane.stride for row in range(height))
        packed = bytearray().join(pixels[start : start + length] for start in starts)
    if pixel_format == "RGB24":
        return bytes(packed)
    out = bytearray(3 * width * height)
    for channel in range(3):
        out[channel::3] = packed if pixel_format == "GRAY8" else packed[2 - channel :: 3]
    return bytes(out)


def _array(numpy: Any, pixels: bytearray, plane: Plane, size: Tuple[int, int], step: int, first: int = 0) -> Any:
    return numpy.ndarray(size, numpy.uint8, pixels, plane.offset + first, (plane.stride, step))


def _chroma(
    numpy: Any, pixels: bytearray, pixel_format: str, width: int, height: int, planes: Sequence[Plane]
) -> Tuple[Any, Any]:
    size = ((height + 1) // 2, (width + 1) // 2)
    if pixel_format == "NV12":
        both = [_array(numpy, pixels, planes[1], size, step=2, first=first) for first in (0, 1)]
    else:
        both = [_array(numpy, pixels, plane, size, step=1) for plane in planes[1:]]
    u, v = (samples.astype(numpy.int32) - 128 for samples in both)
    return u, v


_LOWEST = -300
_BOUNDED = bytes(min(255, max(0, value)) for value in range(_LOWEST, 600))
"""Any sum below, as a byte."""
_BRIGHT = [(value - 16) * _Y + _HALF for value in range(256)]
_CHROMA = [value - 128 for value in range(256)]


def _rgb_from_yuv(pixels: bytearray, pixel_format: str, width: int, height: int, planes: Sequence[Plane]) -> bytes:
    out = bytearray(3 * width * height)
    half = (width + 1) // 2
    for row in range(height):
        start = planes[0].offset + row * planes[0].stride
        bright = [_BRIGHT[value] for value in pixels[start : start + width]]
        if pixel_format == "NV12":
            first = planes[1].offset + row // 2 * planes[1].stride
            both = pixels[first : first + 2 * half]
            pairs = list(zip(both[::2], both[1::2]))
        else:
            starts = [plane.offset + row // 2 * plane.stride for plane in planes[1:]]
            pairs = list(zip(*(pixels[first : first + half] for first in starts)))
        line = [(_CHROMA[u], _CHROMA[v]) for u, v in pairs for _ in (0, 1)]
        red = [_BOUNDED[(y + _RV * v >> 16) - _LOWEST] for y, (_, v) in zip(bright, line)]
        green = [_BOUNDED[(y + _GU * u + _GV * v >> 16) - _LOWEST] for y, (u, v) in zip(bright, line)]
        blue = [_BOUNDED[(y + _BU * u >> 16) - _LOWEST] for y, (u, _) in zip(bright, line)]
        at = 3 * width * row
        for channel, values in enumerate((red, green, blue)):
            out[at + channel : at + 3 * width : 3] = bytes(values)
    return bytes(out)
