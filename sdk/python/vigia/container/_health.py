"""The values of the ``health`` answer."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Dict, Optional

from ._loop import Clock

_FAILING_AFTER = 3
"""This many failed runs in a row are not the fault of a single frame."""
_STEP = math.log(1.01)
"""Durations are kept in steps of 1 %: a few hundred values for any number of runs."""


class Health:
    """Counters of a container; they never decrease. Belongs to one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._times: Counter[int] = Counter()
        self._requests = 0
        self._ok = 0
        self._errors = 0
        self._batches = 0
        self._failed_runs = 0
        self._last_error: Optional[str] = None

    def request(self) -> None:
        """An ``infer`` arrived."""
        self._requests += 1

    def succeeded(self, inference_ms: float) -> None:
        """A run succeeded and was answered."""
        self._ok += 1
        self._batches += 1
        self._failed_runs = 0
        self._times[round(math.log(max(1.0, inference_ms * 1000)) / _STEP)] += 1

    def run_failed(self) -> None:
        """The model itself failed on a frame."""
        self._batches += 1
        self._failed_runs += 1

    def failed(self, message: str) -> None:
        """An ``infer`` was answered with an error."""
        self._errors += 1
        self._last_error = message

    def snapshot(self, grants: int, grants_expired: int) -> Dict[str, Any]:
        """The answer, without ``request_id``."""
        return {
            "state": "failing" if self._failed_runs >= _FAILING_AFTER else "ready",
            "uptime_ms": round(self._clock.now_ms() - self._started_ms, 3),
            "counters": {
                "requests": self._requests,
                "ok": self._ok,
                "errors": self._errors,
                "batches": self._batches,
                "grants": grants,
                "grants_expired": grants_expired,
            },
            "inference_ms": {"p50": self._percentile(0.5), "p99": self._percentile(0.99)},
            "last_error": self._last_error,
            "error": None,
        }

    def _percentile(self, share: float) -> float:
        left = math.ceil(sum(self._times.values()) * share)
        for step in sorted(self._times):
            left -= self._times[step]
            if left <= 0:
                return round(math.exp(step * _STEP) / 1000, 3)
        return 0.0
