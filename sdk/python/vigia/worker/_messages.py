"""Messages of docs/protocol/worker.md, version 1: parsing the host's, formatting the worker's. Knows no pipe.

The rules are those of the schemas in packages/contracts/src/worker-protocol.ts.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from .._picture import Plane, packed_picture, problem_of, stacked_planes
from ..errors import ProtocolError
from ._msgpack import Malformed, pack, unpack

PROTOCOL_VERSION = 1
MESSAGE_LIMIT = 1024 * 1024
"""Longest message of a worker in bytes, without its length."""
FORMATS = ("RGB24", "BGR24", "GRAY8", "NV12", "I420", "JPEG")
HALVED_FORMATS = ("NV12", "I420")
"""Formats with shared colour for 2 × 2 pixels: only even sizes."""
SIDE_MIN, SIDE_MAX = 2, 8192
"""Sides of a picture, pixels."""
LOG_LEVELS = ("debug", "info", "warn", "error")
_NAME_MAX, _ERROR_CODE_MAX, _ERROR_MESSAGE_MAX, _LOG_MAX = 128, 64, 4096, 8192
_SAFE_INTEGER = 2**53 - 1
_DECIMAL = re.compile(r"[0-9]{1,20}")

Message = Dict[str, Any]


class Reference(NamedTuple):
    """Pixels in shared memory. ``offset``: bytes from the start of the segment."""

    path: str
    epoch: int
    slot: int
    generation: int
    offset: int
    byte_length: int


class FrameMessage(NamedTuple):
    """``frame``. ``planes`` lie in ``pixels``; ``JPEG`` has none."""

    camera_id: str
    seq: int
    captured_at: str
    captured_monotonic_ns: int
    age_ms: float
    pts_us: int
    width: int
    height: int
    format: str
    planes: Tuple[Plane, ...]
    pixels: Union[memoryview, Reference]


class Stop(NamedTuple):
    """The host's request to stop."""


def parse(body: memoryview) -> Union[FrameMessage, Stop, None]:
    """Parses a message of the host; None for one of an unknown type. Raises ProtocolError."""
    try:
        value = unpack(body)
    except Malformed as problem:
        raise _wrong(f"the message is no MessagePack: {problem}") from problem
    if not isinstance(value, dict):
        raise _wrong("the message is no map")
    kind = value.get("type")
    if not isinstance(kind, str):
        raise _wrong("the message has no type")
    if kind == "stop":
        return Stop()
    # Later versions may send others: unknown messages are ignored.
    return _frame(value) if kind == "frame" else None


def ready(name: str, wants: Message) -> bytes:
    """``ready``."""
    message: Message = {"type": "ready", "protocol": PROTOCOL_VERSION, "name": clip(name, _NAME_MAX)}
    return pack({**message, "wants": wants} if wants else message)


def result(seq: int, detections: List[Message], data: Any) -> bytes:
    """``result`` of an analysed frame. Raises ValueError for values that :func:`pack` refuses."""
    message: Message = {"type": "result", "seq": seq}
    if detections:
        message["detections"] = detections
    if data is not None:
        message["data"] = data
    return pack(message)


def failure(seq: int, code: str, text: str) -> bytes:
    """``result`` of a frame without one. Long texts are cut off."""
    error = {"code": clip(code, _ERROR_CODE_MAX) or "worker_error", "message": clip(text, _ERROR_MESSAGE_MAX)}
    return pack({"type": "result", "seq": seq, "error": error})


def log_line(level: str, text: str) -> bytes:
    """``log``. Long texts are cut off."""
    return pack({"type": "log", "level": level, "message": clip(text, _LOG_MAX)})


def heartbeat_sign() -> bytes:
    """``heartbeat``."""
    return pack({"type": "heartbeat"})


def clip(text: str, units: int) -> str:
    """The beginning of a text, measured like JavaScript: in UTF-16. Half surrogate pairs are replaced."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace")


def _frame(value: Message) -> FrameMessage:
    width, height = (_integer(value, side, SIDE_MIN, SIDE_MAX) for side in ("width", "height"))
    pixel_format = _text(value, "format")
    if pixel_format not in FORMATS:
        raise _wrong(f"format: {pixel_format[:40]!r}, {', '.join(FORMATS)} are known")
    if pixel_format in HALVED_FORMATS and (width % 2 or height % 2):
        raise _wrong(f"{width}x{height} pixels of {pixel_format}, even numbers are needed")
    planes, pixels = _pixels(value, pixel_format, width, height)
    return FrameMessage(
        _text(value, "camera_id"),
        _integer(value, "seq", 1),
        _text(value, "captured_at"),
        _decimal(value, "captured_monotonic_ns"),
        _number(value, "age_ms"),
        _integer(value, "pts_us", -_SAFE_INTEGER),
        width,
        height,
        pixel_format,
        planes,
        pixels,
    )


def _pixels(
    value: Message, pixel_format: str, width: int, height: int
) -> Tuple[Tuple[Plane, ...], Union[memoryview, Reference]]:
    if "data" not in value:
        return _reference(value.get("ref"), pixel_format, width, height)
    data = value["data"]
    if not isinstance(data, memoryview):
        raise _wrong("data: bytes are expected")
    if pixel_format == "JPEG":
        return (), data
    planes, byte_length = packed_picture(pixel_format, width, height)
    if len(data) != byte_length:
        raise _wrong(f"data: {len(data)} bytes, {width}x{height} {pixel_format} has {byte_length}")
    return planes, data


def _reference(ref: Any, pixel_format: str, width: int, height: int) -> Tuple[Tuple[Plane, ...], Reference]:
    if not isinstance(ref, dict):
        raise _wrong("a frame with neither data nor ref")
    if pixel_format == "JPEG":
        raise _wrong("a ref to JPEG; it comes as data only")
    byte_length, generation = _integer(ref, "byte_length", 1), _decimal(ref, "generation")
    if generation % 2 or generation == 0:
        raise _wrong(f"generation: {generation}, only even ones above 0 are of whole frames")
    strides = ref.get("strides")
    if not isinstance(strides, list):
        raise _wrong("strides: a list is expected")
    lines = [_integer({"strides": stride}, "strides", 1) for stride in strides]
    planes = stacked_planes(pixel_format, height, lines)
    # More strides than planes are as wrong as fewer, and do not show in the planes.
    problem = problem_of(pixel_format, width, height, planes, byte_length)
    if problem is not None or len(lines) != len(planes):
        raise _wrong(f"ref: {problem or f'{len(lines)} strides, {pixel_format} has {len(planes)} planes'}")
    return planes, Reference(
        _text(ref, "path"),
        _decimal(ref, "epoch"),
        _integer(ref, "slot", 0),
        generation,
        _integer(ref, "offset", 0),
        byte_length,
    )


def _text(value: Message, name: str) -> str:
    field = value.get(name)
    if not isinstance(field, str):
        raise _wrong(f"{name}: a text is expected")
    return field


def _integer(value: Message, name: str, least: int, most: int = _SAFE_INTEGER) -> int:
    field = value.get(name)
    # Some encoders write integers of more than 32 bits as floats.
    if isinstance(field, float) and field.is_integer():
        field = int(field)
    if isinstance(field, bool) or not isinstance(field, int) or not least <= field <= most:
        raise _wrong(f"{name}: an integer from {least} to {most} is expected")
    return field


def _number(value: Message, name: str) -> float:
    field = value.get(name)
    # The comparison refuses values that are not finite, NaN included.
    if isinstance(field, bool) or not isinstance(field, (int, float)) or not abs(field) < float("inf"):
        raise _wrong(f"{name}: a number is expected")
    return float(field)


def _decimal(value: Message, name: str) -> int:
    field = value.get(name)
    if not isinstance(field, str) or not _DECIMAL.fullmatch(field):
        raise _wrong(f"{name}: a decimal string is expected")
    return int(field)


def _wrong(what: str) -> ProtocolError:
    return ProtocolError("bad_message", what)
