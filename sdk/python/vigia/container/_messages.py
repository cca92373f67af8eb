"""Messages of docs/protocol/model-container.md, version 1: cutting, parsing and formatting. Knows no socket.

The rules are those of the schemas in packages/contracts/src/container-protocol.ts. Where Python's JSON is laxer than
that of other implementations, theirs applies: no NaN, no Infinity, numbers without a fraction are integers in any
notation, text is measured in code points.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

PROTOCOL_VERSION = 1
MESSAGE_LIMIT = 1024 * 1024
"""Longest message in bytes, without its length."""
FORMATS = ("NV12", "I420", "RGB24", "BGR24", "GRAY8")
TASKS = ("detection", "pose", "segmentation")
FITS = ("stretch", "letterbox")
SIDE_MAX = 16_384
"""Longest side of a frame, pixels."""

_LENGTH = struct.Struct(">I")
_SAFE_INTEGER = 2**53 - 1
_DECIMAL = re.compile(r"[0-9]{1,20}")
_ID_MAX = 128
_REQUEST_ID_MAX = 64
_FAINT_FROM_MIN = 0.05

Message = Dict[str, Any]


class Unreadable(Exception):
    """The bytes violate the protocol: the stream is out of step. The text is one sentence."""


class Invalid(NamedTuple):
    """A JSON object with wrong fields: the answer to send. The connection stays open."""

    request_id: Optional[str]
    answer: Message


class FrameMetadata(NamedTuple):
    """Where the pixels are. With ``slot`` the reference is a frame segment, without it a plain file."""

    frame_id: int
    width: int
    height: int
    format: str
    slot: Optional[int] = None
    generation: Optional[int] = None
    epoch: Optional[int] = None
    offset: Optional[int] = None
    strides: Optional[Tuple[int, ...]] = None


@dataclass(frozen=True)
class InferRequest:
    """``infer``."""

    request_id: Optional[str]
    model_id: str
    camera_id: str
    deadline_ms: Optional[float]
    frame_reference: str
    frame_metadata: FrameMetadata
    grant: Optional[str]


@dataclass(frozen=True)
class TurnRequest:
    """``want`` and ``unwant``."""

    op: str
    request_id: Optional[str]
    model_id: str
    camera_id: str
    consumer: str


@dataclass(frozen=True)
class StateRequest:
    """``describe`` and ``health``."""

    op: str
    request_id: Optional[str]


Request = Union[InferRequest, TurnRequest, StateRequest, Invalid]


class Cutter:
    """Cuts a stream of bytes into messages. Holds at most one message and the chunk that completed it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Number of bytes not returned yet."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> None:
        """Adds received bytes."""
        self._buffer += chunk

    def take(self) -> Optional[bytes]:
        """The next complete message, without its length; None when it is incomplete. Raises Unreadable."""
        if len(self._buffer) < _LENGTH.size:
            return None
        size = _LENGTH.unpack_from(self._buffer)[0]
        if size > MESSAGE_LIMIT:
            raise Unreadable(f"a message of {size} bytes was announced, at most {MESSAGE_LIMIT} are allowed")
        end = _LENGTH.size + size
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def clear(self) -> None:
        """Discards the bytes received so far."""
        self._buffer.clear()


def encode(message: Message) -> bytes:
    """A message with its length. It may exceed the limit: callers with long messages check."""
    try:
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair in an id: UTF-8 cannot encode it, an escape can.
        body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    return _LENGTH.pack(len(body)) + body


def parse_request(payload: bytes, model_id: str) -> Request:
    """Parses one message. ``model_id``: for the answer to an invalid one. Raises Unreadable."""
    value = _parse_object(payload)
    op = value.get("op", "infer")
    try:
        if op == "infer":
            return _infer(_Fields(value))
        if op in ("want", "unwant"):
            return _turn(_Fields(value), op)
        if op in ("describe", "health"):
            return StateRequest(op, _Fields(value).text("request_id", 1, _REQUEST_ID_MAX, optional=True))
    except _WrongField as problem:
        return _bad_request(value, model_id, str(problem))
    return _bad_request(value, model_id, f"unknown op {json.dumps(op)[:40]}")


def unreadable(model_id: str, why: str) -> Message:
    """The answer to a message that cannot be parsed."""
    return _bad_request({}, model_id, why).answer


def infer_error(request: InferRequest, code: str, message: str) -> Message:
    """The answer to a failed ``infer``."""
    return {**_identity(request), "detections": None, "error": {"code": code, "message": message}}


def infer_ok(request: InferRequest, detections: List[Message], metadata: Message) -> Message:
    """The answer to a successful ``infer``."""
    return {**_identity(request), "detections": detections, "metadata": metadata, "error": None}


def no_grant(request_id: Optional[str], code: Optional[str] = None, message: str = "") -> Message:
    """The answer to a ``want`` without a grant: refused with a code, or withdrawn without one."""
    error = None if code is None else {"code": code, "message": message}
    return {**_with_id(request_id), "grant": None, "error": error}


def grant_given(request_id: Optional[str], grant_id: str, expires_ms: float) -> Message:
    """The answer to a ``want`` with a grant."""
    return {**_with_id(request_id), "grant": {"id": grant_id, "expires_ms": expires_ms}, "error": None}


def with_id(request_id: Optional[str], fields: Message) -> Message:
    """Any other answer."""
    return {**_with_id(request_id), **fields}


def _with_id(request_id: Optional[str]) -> Message:
    return {} if request_id is None else {"request_id": request_id}


def _identity(request: InferRequest) -> Message:
    return {
        **_with_id(request.request_id),
        "model_id": request.model_id,
        "camera_id": request.camera_id,
        "frame_id": request.frame_metadata.frame_id,
    }


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _integer(text: str) -> Union[int, float]:
    # Longer ones are out of every peer's range, and parsing a million digits takes seconds.
    return int(text) if len(text) <= 20 else float(text)


def _parse_object(payload: bytes) -> Message:
    try:
        # Decoded first: json would guess UTF-16.
        text = payload.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the message is not a JSON object in UTF-8") from error
    if not isinstance(value, dict):
        raise Unreadable("the message is not a JSON object in UTF-8")
    return value


class _WrongField(Exception):
    """Path and reason."""


class _Fields:
    """The fields of a JSON object, each checked once. Every method raises _WrongField."""

    def __init__(self, value: Message, prefix: str = "") -> None:
        self._value = value
        self._prefix = prefix

    def text(self, name: str, least: int, most: int, optional: bool = False) -> Any:
        value = self._get(name, optional)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(name, "a text is expected")
        if not least <= len(value) <= most:
            raise self._wrong(name, f"{least} to {most} characters are allowed")
        return value

    def integer(self, name: str, least: int, most: int = _SAFE_INTEGER, optional: bool = False) -> Any:
        value = self._get(name, optional)
        return None if value is None else self._whole(name, value, least, most)

    def number(self, name: str, positive: bool = False, optional: bool = False) -> Any:
        value = self._get(name, optional)
        if value is None:
            return None
        # The comparison refuses values that are not finite, NaN included.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < float("inf"):
            raise self._wrong(name, "a number is expected")
        if positive and value <= 0:
            raise self._wrong(name, "a number above 0 is expected")
        return float(value)

    def between(self, name: str, least: float, most: float) -> None:
        value = self.number(name, optional=True)
        if value is not None and not least <= value <= most:
            raise self._wrong(name, f"a number from {least} to {most} is expected")

    def choice(self, name: str, choices: Tuple[str, ...]) -> str:
        value = self._get(name, False)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)} is expected")
        return value

    def decimal(self, name: str) -> Optional[int]:
        value = self._get(name, True)
        if value is None:
            return None
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise self._wrong(name, "a decimal string is expected")
        return int(value)

    def integers(self, name: str, least: int, longest: int) -> Optional[Tuple[int, ...]]:
        value = self._get(name, True)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > longest:
            raise self._wrong(name, f"a list of at most {longest} numbers is expected")
        return tuple(self._whole(f"{name}.{i}", item, least, _SAFE_INTEGER) for i, item in enumerate(value))

    def inner(self, name: str) -> _Fields:
        value = self._get(name, False)
        if not isinstance(value, dict):
            raise self._wrong(name, "an object is expected")
        return _Fields(value, f"{self._prefix}{name}.")

    def _get(self, name: str, optional: bool) -> Any:
        if name not in self._value:
            if optional:
                return None
            raise self._wrong(name, "it is missing")
        value = self._value[name]
        if value is None:
            raise self._wrong(name, "null is not allowed")
        return value

    def _whole(self, name: str, value: Any, least: int, most: int) -> int:
        whole = _whole(value)
        if whole is None:
            raise self._wrong(name, "an integer is expected")
        if not least <= whole <= most:
            raise self._wrong(name, f"{least} to {most} is allowed")
        return whole

    def _wrong(self, name: str, why: str) -> _WrongField:
        return _WrongField(f"{self._prefix}{name}: {why}")


def _whole(value: Any) -> Optional[int]:
    """The integer value of a JSON number in any notation (42, 42.0, 4.2e1); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if abs(value) <= _SAFE_INTEGER else None


def _infer(fields: _Fields) -> InferRequest:
    fields.number("timestamp")
    # Unused: a model's function has no threshold that is known here.
    fields.between("faint_from", _FAINT_FROM_MIN, 1)
    return InferRequest(
        fields.text("request_id", 1, _REQUEST_ID_MAX, optional=True),
        fields.text("model_id", 1, _ID_MAX),
        fields.text("camera_id", 1, _ID_MAX),
        fields.number("deadline_ms", positive=True, optional=True),
        fields.text("frame_reference", 1, 512),
        _metadata(fields.inner("frame_metadata")),
        fields.text("grant", 0, 64, optional=True),
    )


def _metadata(fields: _Fields) -> FrameMetadata:
    # Unused by a container, but validated on both sides of the protocol.
    fields.decimal("captured_monotonic_ns")
    fields.text("rendition", 0, 128, optional=True)
    return FrameMetadata(
        fields.integer("frame_id", 0),
        fields.integer("width", 1, SIDE_MAX),
        fields.integer("height", 1, SIDE_MAX),
        fields.choice("format", FORMATS),
        fields.integer("slot", 0, 4095, optional=True),
        fields.decimal("generation"),
        fields.decimal("epoch"),
        fields.integer("offset", 0, optional=True),
        fields.integers("strides", 1, 3),
    )


def _turn(fields: _Fields, op: str) -> TurnRequest:
    return TurnRequest(
        op,
        fields.text("request_id", 1, _REQUEST_ID_MAX, optional=op == "unwant"),
        fields.text("model_id", 1, _ID_MAX),
        fields.text("camera_id", 1, _ID_MAX),
        fields.text("consumer", 1, _ID_MAX),
    )


def _bad_request(value: Message, model_id: str, why: str) -> Invalid:
    """Echoes the request's readable fields, so that the peer can match the error."""
    request_id = value.get("request_id")
    if not isinstance(request_id, str) or not 1 <= len(request_id) <= _REQUEST_ID_MAX:
        request_id = None
    if value.get("op") == "want" and request_id is not None:
        return Invalid(request_id, no_grant(request_id, "bad_request", why))
    camera = value.get("camera_id")
    metadata = value.get("frame_metadata")
    frame = _whole(metadata.get("frame_id")) if isinstance(metadata, dict) else None
    answer = {
        **_with_id(request_id),
        "model_id": model_id,
        "camera_id": _cut(camera) if isinstance(camera, str) else "",
        "frame_id": 0 if frame is None else frame,
        "detections": None,
        "error": {"code": "bad_request", "message": why},
    }
    return Invalid(request_id, answer)


def _cut(text: str) -> str:
    return text[:_ID_MAX]
