"""A worker's answers, validated at the source: a mistake is an exception in the worker's own code."""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List, Type, Union

from .._detections import Detection, InvalidDetections, Keypoint, Mask, encode_detections
from ..errors import WorkerError
from ._messages import MESSAGE_LIMIT, result

DETECTIONS_LIMIT = 10_000
"""Most detections of one answer."""
DATA_LIMIT = 256 * 1024
"""Longest ``data``, in bytes of JSON."""
DATA_DEPTH = 16
"""Deepest nesting in ``data``: a value inside n lists and maps is at depth n, ``data`` itself at 0."""
OUTSIDE_LIMIT = 0.1
"""Coordinates this far outside 0..1 are clamped to the frame: models overshoot for objects at the edge. Anything
further out is a mistake, such as pixels.
"""
_SAFE_INTEGER = 2**53 - 1


def answer(seq: int, detections: Any, data: Any) -> bytes:
    """The ``result`` message of frame ``seq``.

    Args:
        detections: list or tuple of :class:`Detection`, or of dicts with the same fields.
        data: any JSON value; numpy's numbers are accepted. None: nothing.

    Raises WorkerError ``bad_result``, which names the problem.
    """
    found, checked = _detections(detections), _data(data)
    try:
        message = result(seq, found, checked)
    except UnicodeEncodeError:
        # The data were encoded before.
        raise WorkerError("bad_result", "a name in the detections contains half a surrogate pair") from None
    if len(message) > MESSAGE_LIMIT:
        raise WorkerError("bad_result", f"a result of {len(message)} bytes, at most {MESSAGE_LIMIT} are allowed")
    return message


def _detections(given: Any) -> List[Dict[str, Any]]:
    if not isinstance(given, (list, tuple)):
        raise WorkerError("bad_result", f"the detections are a {type(given).__name__}, a list is expected")
    if len(given) > DETECTIONS_LIMIT:
        raise WorkerError("bad_result", f"{len(given)} detections, at most {DETECTIONS_LIMIT} are allowed")
    try:
        found = [_detection(item, f"detection {i}") for i, item in enumerate(given)]
        return encode_detections(found, outside=OUTSIDE_LIMIT)
    except InvalidDetections as problem:
        raise WorkerError("bad_result", str(problem)) from None


def _detection(item: Any, where: str) -> Any:
    """The Detection that a dict describes; other values unchanged."""
    if not isinstance(item, dict):
        return item
    fields = dict(item)
    if isinstance(fields.get("keypoints"), (list, tuple)):
        points = enumerate(fields["keypoints"])
        fields["keypoints"] = [_made(Keypoint, point, f"{where}: keypoints[{i}]") for i, point in points]
    if "mask" in fields:
        fields["mask"] = _made(Mask, fields["mask"], f"{where}: mask")
    return _made(Detection, fields, where)


def _made(kind: Type[Union[Detection, Keypoint, Mask]], item: Any, where: str) -> Any:
    if not isinstance(item, dict):
        return item
    try:
        return kind(**item)
    except TypeError:
        fields = ", ".join(kind.__dataclass_fields__)
        keys = ", ".join(str(key) for key in item)
        raise InvalidDetections(f"{where} has the fields {keys}; {fields} are expected") from None


def _data(given: Any) -> Any:
    if given is None:
        return None
    data = _plain(given, "data", 0)
    try:
        size = len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise WorkerError("bad_result", "a text in data contains half a surrogate pair") from None
    if size > DATA_LIMIT:
        raise WorkerError("bad_result", f"data of {size} bytes as JSON, at most {DATA_LIMIT} are allowed")
    return data


def _plain(value: Any, where: str, depth: int) -> Any:
    """The same value in Python's own types."""
    if depth > DATA_DEPTH:
        raise _invalid(f"data is nested deeper than {DATA_DEPTH} levels")
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise _invalid(f"{where} is beyond {_SAFE_INTEGER}, where numbers are no longer exact; write it as a text")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _invalid(f"{where} is {value!r}, which JSON cannot say")
        return float(value)
    if isinstance(value, (list, tuple, dict)):
        return _plain_container(value, where, depth + 1)
    # One number of numpy or of a similar library.
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        number = value.item()
        if isinstance(number, (bool, int, float)):
            return _plain(number, where, depth)
    raise _invalid(f"{where} is a {type(value).__name__}, which JSON cannot say")


def _plain_container(value: Any, where: str, depth: int) -> Any:
    if not isinstance(value, dict):
        return [_plain(item, f"{where}[{i}]", depth) for i, item in enumerate(value)]
    for key in value:
        if not isinstance(key, str):
            raise _invalid(f"{where} has a key that is a {type(key).__name__}, texts are expected")
    return {key: _plain(item, f"{where}.{key}", depth) for key, item in value.items()}


def _invalid(what: str) -> WorkerError:
    return WorkerError("bad_result", what)
