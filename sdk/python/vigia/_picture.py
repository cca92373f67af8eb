"""The memory layout of pictures: the planes of a format, and which of them numpy can show as one array."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from .errors import VigiaError


class Plane(NamedTuple):
    """One plane of a picture: its offset in ``frame.pixels``, and its bytes per line."""

    offset: int
    stride: int


def _lines(pixel_format: str, width: int, height: int) -> List[Tuple[int, int]]:
    """Lines and bytes per line of each plane, without padding."""
    if pixel_format in ("RGB24", "BGR24"):
        return [(height, 3 * width)]
    if pixel_format == "GRAY8":
        return [(height, width)]
    if pixel_format == "NV12":
        return [(height, width), (height // 2, width)]
    return [(height, width), (height // 2, width // 2), (height // 2, width // 2)]


def stacked_planes(pixel_format: str, height: int, strides: Sequence[int]) -> Tuple[Plane, ...]:
    """Planes of such lines, stored one after another. :func:`problem_of` validates them."""
    planes, offset = [], 0
    for (count, _), stride in zip(_lines(pixel_format, 0, height), strides):
        planes.append(Plane(offset, stride))
        offset += count * stride
    return tuple(planes)


def packed_picture(pixel_format: str, width: int, height: int) -> Tuple[Tuple[Plane, ...], int]:
    """The planes of a tightly packed picture, and its size in bytes. NV12 and I420: even sizes."""
    lines = _lines(pixel_format, width, height)
    planes = stacked_planes(pixel_format, height, [length for _, length in lines])
    return planes, sum(count * length for count, length in lines)


def problem_of(pixel_format: str, width: int, height: int, planes: Sequence[Plane], byte_length: int) -> Optional[str]:
    """Why such a picture does not fit into that many bytes; None when it does. Afterwards no plane leads outside."""
    if width < 1 or height < 1:
        return f"{width}x{height} pixels"
    if pixel_format in ("NV12", "I420") and (width % 2 or height % 2):
        return f"{width}x{height} pixels of {pixel_format}, even numbers are needed"
    lines = _lines(pixel_format, width, height)
    if len(lines) != len(planes):
        return f"{len(planes)} planes, {pixel_format} has {len(lines)}"
    for plane, (count, length) in zip(planes, lines):
        if plane.stride < length:
            return f"{plane.stride} bytes per line, {length} are needed"
        if plane.offset + (count - 1) * plane.stride + length > byte_length:
            return f"a plane that ends behind the {byte_length} bytes of the frame"
    return None


def _in_one_piece(pixel_format: str, width: int, height: int, planes: Sequence[Plane]) -> bool:
    """Whether the planes of a 4:2:0 picture follow each other so that equally long lines cover them."""
    luma, chroma = planes[0], planes[1]
    follows = chroma.offset == luma.offset + luma.stride * height
    if pixel_format == "NV12":
        return follows and chroma.stride == luma.stride
    # Two chroma lines form one line of the array: impossible with padding between them.
    half = width // 2
    packed = luma.stride == width and chroma.stride == planes[2].stride == half
    return follows and packed and planes[2].offset == chroma.offset + half * (height // 2)


def as_array(pixels: memoryview, pixel_format: str, width: int, height: int, planes: Sequence[Plane]) -> Any:
    """A numpy view of the pixels: not copied, read-only.

    Raises VigiaError ``numpy_missing``, or ``no_array`` when no array can describe the planes.
    """
    try:
        import numpy
    except ImportError as error:
        raise VigiaError("numpy_missing", "array() needs numpy; use pixels, or install numpy (`pip install numpy`)") from error
    stride, offset = planes[0].stride, planes[0].offset
    shape: Tuple[int, ...] = (height, width)
    strides: Tuple[int, ...] = (stride, 1)
    if pixel_format in ("RGB24", "BGR24"):
        shape, strides = (height, width, 3), (stride, 3, 1)
    elif pixel_format != "GRAY8":
        if not _in_one_piece(pixel_format, width, height, planes):
            raise VigiaError("no_array", f"the planes of this {pixel_format} frame are no single array; use planes")
        shape = (height * 3 // 2, width)
    return numpy.ndarray(shape, numpy.uint8, pixels, offset, strides)
