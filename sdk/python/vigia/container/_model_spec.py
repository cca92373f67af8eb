"""The author's declarations about a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional, Sequence

from ._messages import FITS, SIDE_MAX, TASKS


@dataclass(frozen=True)
class ModelSpec:
    """A model as clients see it. Immutable; ``dataclasses.replace`` makes a variant.

    Attributes:
        model_id: its name in requests, 1 to 128 characters.
        classes: names, indexed by ``class_id``; an empty name is a gap in the numbering.
        width: pixels of the declared input, 1 to 16384.
        height: likewise.
        task: ``detection``, ``pose`` or ``segmentation``.
        fit: how senders bring a picture of other proportions to that size: ``stretch`` or ``letterbox``.
        version: of the model, part of every answer; 1 to 128 characters.
        providers: the hardware it runs on, for display.
        load: called once, on the model's thread, before the first picture.
        any_size: accept frames of any size; by default, other sizes are refused.

    Raises ValueError naming the attribute that is wrong.
    """

    model_id: str
    classes: Sequence[str]
    width: int
    height: int
    task: str = "detection"
    fit: str = "stretch"
    version: str = "0"
    providers: Sequence[str] = ("cpu",)
    load: Optional[Callable[[], Any]] = None
    any_size: bool = False

    def __post_init__(self) -> None:
        for name in ("model_id", "version"):
            self._check_name(name)
        for name in ("classes", "providers"):
            self._check_names(name)
        for name in ("width", "height"):
            self._check_side(name)
        _check_one_of("task", self.task, TASKS)
        _check_one_of("fit", self.fit, FITS)

    def _check_name(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or not 1 <= len(value) <= 128:
            raise ValueError(f"{name}={value!r}: 1 to 128 characters are expected")

    def _check_names(self, name: str) -> None:
        value = tuple(getattr(self, name))
        if not all(isinstance(item, str) for item in value):
            raise ValueError(f"{name}={value!r}: a list of names is expected")
        object.__setattr__(self, name, value)

    def _check_side(self, name: str) -> None:
        value = getattr(self, name)
        if type(value) is not int or not 1 <= value <= SIDE_MAX:
            raise ValueError(f"{name}={value!r}: 1 to {SIDE_MAX} pixels are expected")


def _check_one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: one of {', '.join(allowed)} is expected")


def spec_of(model: Optional[ModelSpec], attributes: Mapping[str, Any]) -> ModelSpec:
    """``model`` with ``attributes`` replaced, or a model of ``attributes`` alone."""
    return ModelSpec(**attributes) if model is None else replace(model, **attributes)
