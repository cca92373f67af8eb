"""Messages that a worker may send at any time, from any thread."""

from __future__ import annotations

import sys
import threading
import time

from ._host_line import host_line
from ._messages import LOG_LEVELS, heartbeat_sign, log_line

SECOND_NS = 1_000_000_000
HEARTBEAT_NS = 50_000_000
"""Minimum interval of heartbeats: vigia ends a worker that floods it, and its timeouts are seconds."""
LOG_LINES = 200
"""Most lines sent within a second. vigia logs 20 of them."""


class Throttle:
    """Admits a number of events per period, which begins with the first one. For any thread."""

    def __init__(self, limit: int, period_ns: int) -> None:
        self._limit = limit
        self._period_ns = period_ns
        self._began_ns = -period_ns
        self._passed = 0
        self._counting = threading.Lock()

    def passes(self, now_ns: int) -> bool:
        """Whether one more may pass at ``now_ns`` of CLOCK_MONOTONIC."""
        with self._counting:
            if now_ns - self._began_ns >= self._period_ns:
                self._began_ns, self._passed = now_ns, 0
            self._passed += 1
            return self._passed <= self._limit


_heartbeats = Throttle(1, HEARTBEAT_NS)
_log_lines = Throttle(LOG_LINES, SECOND_NS)


def log(level: str, message: str) -> None:
    """A line for vigia's log; on standard error where this process is not a worker.

    Args:
        level: ``debug``, ``info``, ``warn`` or ``error``.
        message: cut off after 8,192 characters.

    At most 200 lines a second are sent, the rest is dropped. Raises ValueError for another level. Not for signal
    handlers: they may interrupt the writing of another message.
    """
    if level not in LOG_LEVELS:
        raise ValueError(f"level={level!r}: {', '.join(LOG_LEVELS)} are allowed")
    line = host_line()
    if line is None:
        print(f"{level}: {message}", file=sys.stderr)
    elif _log_lines.passes(time.monotonic_ns()):
        line.send(log_line(level, str(message)))


def heartbeat() -> None:
    """Reports that the worker is still busy loading or with a frame; does nothing outside a worker.

    Call it as often as you like: at most twenty a second are sent. Not for signal handlers.
    """
    line = host_line()
    if line is not None and _heartbeats.passes(time.monotonic_ns()):
        line.send(heartbeat_sign())
