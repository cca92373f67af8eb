"""Detections, as returned by a model's function or sent by a worker, and their encoding."""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Dict, List, Optional, Sequence, Tuple

KEYPOINTS_LIMIT = 256
"""Most points of one detection."""
MASK_SIDE_LIMIT = 256
"""Longest side of a mask, cells."""
_TOLERANCE = 1e-3
"""Coordinates this far outside 0..1 are rounding errors and are clamped; anything further out is a mistake."""
_NAME_MAX = 64
_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every peer represents exactly: JavaScript's numbers are doubles."""


@dataclass(frozen=True)
class Keypoint:
    """A named point: ``x`` and ``y`` 0..1 of the frame."""

    name: str
    x: float
    y: float
    confidence: float


@dataclass(frozen=True)
class Mask:
    """The part of a detection's box that belongs to the object: a grid of cells over the box, row by row from the upper
    left.

    ``counts`` are run lengths, alternately outside and inside, beginning with outside (0 when the first cell is
    inside).
    """

    width: int
    height: int
    counts: Sequence[int]

    @classmethod
    def from_rows(cls, rows: Any) -> Mask:
        """A mask from rows of cells, each true or false: lists, or a numpy array of two dimensions.

        Raises ValueError unless there are 1 to 256 rows of 1 to 256 cells, equally long.
        """
        grid = [[bool(cell) for cell in row] for row in rows]
        sides = (len(grid), len(grid[0]) if grid else 0)
        if not all(1 <= side <= MASK_SIDE_LIMIT for side in sides):
            raise ValueError(
                f"a mask of {sides[0]} rows of {sides[1]} cells; 1 to {MASK_SIDE_LIMIT} a side are allowed"
            )
        if any(len(row) != sides[1] for row in grid):
            raise ValueError("the rows of a mask are not equally long")
        runs = [(inside, sum(1 for _ in run)) for inside, run in groupby(cell for row in grid for cell in row)]
        counts = [length for _, length in runs]
        return cls(sides[1], sides[0], tuple([0, *counts] if runs[0][0] else counts))


@dataclass(frozen=True)
class Detection:
    """One detected object.

    Attributes:
        class_id: index into the container's declared classes; a worker's own number, from 0.
        class_name: the name of that class, as declared.
        confidence: 0..1.
        bbox: ``(x_min, y_min, x_max, y_max)``, each 0..1 of the frame.
        keypoints: with the task ``pose``.
        mask: with the task ``segmentation``.
    """

    class_id: int
    class_name: str
    confidence: float
    bbox: Sequence[float]
    keypoints: Optional[Sequence[Keypoint]] = None
    mask: Optional[Mask] = None


class InvalidDetections(Exception):
    """The returned value is not a list of detections. The text is one sentence."""


def encode_detections(
    returned: Any, classes: Optional[Sequence[str]] = None, outside: float = _TOLERANCE
) -> List[Dict[str, Any]]:
    """Encodes detections for an answer. numpy's numbers are accepted like Python's.

    Args:
        classes: the declared ones; None where none are declared, as for a worker.
        outside: coordinates up to this far outside 0..1 are clamped.

    Raises InvalidDetections.
    """
    if not isinstance(returned, (list, tuple)):
        raise InvalidDetections(f"the function returned {_kind(returned)}, a list of Detection is expected")
    return [_encode(item, f"detection {i}", classes, outside) for i, item in enumerate(returned)]


def _encode(item: Any, where: str, classes: Optional[Sequence[str]], outside: float) -> Dict[str, Any]:
    if not isinstance(item, Detection):
        raise InvalidDetections(f"{where} is {_kind(item)}, a Detection is expected")
    class_id, class_name = _class(item, where, classes)
    out: Dict[str, Any] = {
        "class_id": class_id,
        "class_name": class_name,
        "confidence": _unit(item.confidence, f"{where}: confidence"),
        "bbox": _bbox(item.bbox, f"{where}: bbox", outside),
    }
    if item.keypoints is not None:
        out["keypoints"] = _keypoints(item.keypoints, f"{where}: keypoints", outside)
    if item.mask is not None:
        out["mask"] = _mask(item.mask, f"{where}: mask")
    return out


def _class(item: Detection, where: str, classes: Optional[Sequence[str]]) -> Tuple[int, str]:
    class_id, name = _integer(item.class_id, f"{where}: class_id"), item.class_name
    if classes is None:
        if not 0 <= class_id <= _SAFE_INTEGER:
            raise InvalidDetections(f"{where}: class_id {class_id}, 0 to {_SAFE_INTEGER} is allowed")
        if not isinstance(name, str):
            raise InvalidDetections(f"{where}: class_name is {_kind(name)}, a text is expected")
        return class_id, name
    if not 0 <= class_id < len(classes):
        raise InvalidDetections(f"{where}: class_id {class_id}, {len(classes)} classes were declared")
    if name != classes[class_id]:
        raise InvalidDetections(
            f"{where}: class_name {name!r}, class {class_id} was declared as {classes[class_id]!r}"
        )
    return class_id, classes[class_id]


def _bbox(value: Any, where: str, outside: float) -> List[float]:
    corners = _items(value, where)
    if len(corners) != 4:
        raise InvalidDetections(f"{where} has {len(corners)} numbers, x_min, y_min, x_max, y_max are expected")
    x_min, y_min, x_max, y_max = (_unit(corner, where, outside) for corner in corners)
    if x_min > x_max or y_min > y_max:
        raise InvalidDetections(f"{where} [{x_min}, {y_min}, {x_max}, {y_max}] is not ordered: min before max")
    return [x_min, y_min, x_max, y_max]


def _keypoints(value: Any, where: str, outside: float) -> List[Dict[str, Any]]:
    points = _items(value, where)
    if len(points) > KEYPOINTS_LIMIT:
        raise InvalidDetections(f"{where}: {len(points)}, at most {KEYPOINTS_LIMIT} are allowed")
    return [_keypoint(point, f"{where}[{i}]", outside) for i, point in enumerate(points)]


def _keypoint(point: Any, where: str, outside: float) -> Dict[str, Any]:
    if not isinstance(point, Keypoint):
        raise InvalidDetections(f"{where} is {_kind(point)}, a Keypoint is expected")
    if not isinstance(point.name, str) or len(point.name) > _NAME_MAX:
        raise InvalidDetections(f"{where}: the name is no text of at most {_NAME_MAX} characters")
    return {
        "name": point.name,
        "x": _unit(point.x, f"{where}: x", outside),
        "y": _unit(point.y, f"{where}: y", outside),
        "confidence": _unit(point.confidence, f"{where}: confidence"),
    }


def _mask(mask: Any, where: str) -> Dict[str, Any]:
    if not isinstance(mask, Mask):
        raise InvalidDetections(f"{where} is {_kind(mask)}, a Mask is expected")
    width, height = (_integer(side, where) for side in (mask.width, mask.height))
    if not (1 <= width <= MASK_SIDE_LIMIT and 1 <= height <= MASK_SIDE_LIMIT):
        raise InvalidDetections(f"{where} of {width}x{height} cells, 1 to {MASK_SIDE_LIMIT} a side are allowed")
    counts = [_integer(count, f"{where}: counts") for count in _items(mask.counts, f"{where}: counts")]
    if any(count < 0 for count in counts) or sum(counts) != width * height:
        raise InvalidDetections(
            f"{where}: the run lengths add up to {sum(counts)}, {width}x{height} cells are expected"
        )
    if len(counts) > width * height + 1:
        raise InvalidDetections(f"{where}: {len(counts)} runs, {width * height + 1} at most are possible")
    return {"width": width, "height": height, "counts": counts}


def _items(value: Any, where: str) -> Tuple[Any, ...]:
    if isinstance(value, (str, bytes, dict)):
        raise InvalidDetections(f"{where} is {_kind(value)}, a list is expected")
    try:
        return tuple(value)
    except TypeError as error:
        raise InvalidDetections(f"{where} is {_kind(value)}, a list is expected") from error


def _integer(value: Any, where: str) -> int:
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass  # Reported below, with the path.
    raise InvalidDetections(f"{where} is {_kind(value)}, an integer is expected")


def _unit(value: Any, where: str, outside: float = _TOLERANCE) -> float:
    """A number 0..1, clamped if it is slightly outside."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidDetections(f"{where} is {_kind(value)}, a number is expected")
    number = float(value)
    if math.isnan(number) or not -outside <= number <= 1 + outside:
        raise InvalidDetections(f"{where} has {number!r}, 0 to 1 is allowed")
    return min(1.0, max(0.0, number))


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
