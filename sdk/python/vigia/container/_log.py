"""Log lines: JSON on stderr, in the format of vigia's own processes."""

from __future__ import annotations

import json
import os
import re
import select
import time

_USER_OF_URL = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_LONGEST = 2000
"""Characters of a message: keeps a line below the size that a pipe accepts atomically."""


class Log:
    """Writes lines ``{"level", "time", "from", "message"}``. From any thread.

    Never waits: when the pipe behind stderr is full, lines are lost instead of frames.
    """

    def __init__(self, name: str) -> None:
        """``name``: the part, such as ``model:ssdlite``."""
        self._name = name
        self._poll = select.poll()
        self._poll.register(2, select.POLLOUT)
        self._last_ns = 0

    def info(self, message: str) -> None:
        """Something changed."""
        self._write("info", message)

    def warn(self, message: str) -> None:
        """It works, but deserves a look."""
        self._write("warn", message)

    def error(self, message: str) -> None:
        """It does not work."""
        self._write("error", message)

    def warn_rarely(self, message: str) -> None:
        """A warning that a peer or a frame can cause: at most one a second."""
        now = time.monotonic_ns()
        if now - self._last_ns >= 1_000_000_000:
            self._last_ns = now
            self.warn(message)

    def _write(self, level: str, message: str) -> None:
        seconds = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"
        text = _USER_OF_URL.sub(r"\1***@", message)[:_LONGEST]
        line = json.dumps({"level": level, "time": moment, "from": self._name, "message": text}, separators=(",", ":"))
        try:
            if any(event & select.POLLOUT for _, event in self._poll.poll(0)):
                os.write(2, line.encode() + b"\n")
        except OSError:
            pass  # The pipe has no reader, and there is no other place to report to.
