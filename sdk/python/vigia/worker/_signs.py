"""What a worker may say at any time, from any thread."""

from __future__ import annotations

import sys
import time

from ._host_line import host_line
from ._messages import LOG_LEVELS, heartbeat_sign, log_line

HEARTBEAT_NS = 50_000_000
"""No two heartbeats are sent within this: vigia ends a worker that floods it, timeouts are seconds."""
_last_heartbeat_ns = -HEARTBEAT_NS


def log(level: str, message: str) -> None:
    """A line for vigia's log; on standard error where this process is not a worker.

    Args:
        level: ``debug``, ``info``, ``warn`` or ``error``.
        message: cut off after 8,192 characters.

    Raises ValueError for another level. Not for signal handlers: they may interrupt the writing of another message.
    """
    if level not in LOG_LEVELS:
        raise ValueError(f"level={level!r}: {', '.join(LOG_LEVELS)} are allowed")
    line = host_line()
    if line is None:
        print(f"{level}: {message}", file=sys.stderr)
    else:
        line.send(log_line(level, str(message)))


def heartbeat() -> None:
    """Tells vigia that the worker is still at work, while it loads or looks at a frame; nothing outside of a worker.

    Call it as often as you like: at most twenty a second are sent. Not for signal handlers.
    """
    global _last_heartbeat_ns
    line = host_line()
    now = time.monotonic_ns()
    # Threads may race here: then there is one heartbeat more.
    if line is not None and now - _last_heartbeat_ns >= HEARTBEAT_NS:
        _last_heartbeat_ns = now
        line.send(heartbeat_sign())
