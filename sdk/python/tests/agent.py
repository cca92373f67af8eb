"""A reader controlled by another program: lines of JSON in, one line of JSON out for each.

    python3 agent.py SOCKET READER_ID WAKE [FPS]

prints ``{"attached":true}``, or ``{"error":{"code","message"}}`` and exits with 1. Then:

    {"op":"next","timeout_ms":N}   {"frame":{...}} (held until released), {"end":...} or {"timeout":true}
    {"op":"poll"}                  the same, at once
    {"op":"release"}               {"whole":...}
    {"op":"statistics"}            {"delivered","expired","last_seq"}
    {"op":"loop","frames":N,"work_ms":M}   {"frames","expired","torn","backwards","end"}
    {"op":"close"}                 {"closed":true}

Errors are answered with ``{"error":{"code","message"}}``. It exits with 0 at the end of its input.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vigia import Frame, FrameReader, VigiaError  # noqa: E402 - found by the line above

SAMPLE_EVERY = 64


def describe(frame: Frame) -> Dict[str, Any]:
    """Fields that the other program compares with the published frame."""
    pixels = frame.pixels
    return {
        "seq": frame.seq,
        "captured_ms": frame.captured_monotonic_ns / 1e6,
        "width": frame.width,
        "height": frame.height,
        "byte_length": frame.byte_length,
        "sum": sum(pixels[::SAMPLE_EVERY]),
        "first": pixels[:8].hex(),
        "last": pixels[-8:].hex(),
    }


class Agent:
    """One reader and its commands."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._frame: Optional[Frame] = None

    def answer(self, line: str) -> Dict[str, Any]:
        """The answer to one command."""
        try:
            command = json.loads(line)
            handler = self._HANDLERS.get(command.get("op"))
            if handler is None:
                raise VigiaError("unknown", f"{line.strip()}: there is no such command")
            return handler(self, command)
        except VigiaError as error:
            return failure(error)
        except TimeoutError:
            return {"timeout": True}

    def _next(self, command: Dict[str, Any]) -> Dict[str, Any]:
        timeout_ms = command.get("timeout_ms")
        return self._taken(self._reader.next(None if timeout_ms is None else timeout_ms / 1000))

    def _poll(self, _: Dict[str, Any]) -> Dict[str, Any]:
        return self._taken(self._reader.poll())

    def _taken(self, frame: Optional[Frame]) -> Dict[str, Any]:
        if frame is None:
            return {"timeout": True} if self._reader.end is None else {"end": self._reader.end}
        self._frame = frame
        return {"frame": describe(frame)}

    def _release(self, _: Dict[str, Any]) -> Dict[str, Any]:
        if self._frame is None:
            raise VigiaError("nothing_held", "no frame was taken yet")
        return {"whole": self._frame.release()}

    def _statistics(self, _: Dict[str, Any]) -> Dict[str, Any]:
        return dict(self._reader.statistics())

    def _close(self, _: Dict[str, Any]) -> Dict[str, Any]:
        self._reader.close()
        return {"closed": True}

    def _loop(self, command: Dict[str, Any]) -> Dict[str, Any]:
        """Reads that many frames, or to the end.

        Every 64th byte of a frame must be its number modulo 256. ``expired``: frames that did not stay whole while they
        were held; ``torn``: those that claim to be whole and are not.
        """
        wanted, work_s = command["frames"], command.get("work_ms", 0) / 1000
        frames = expired = torn = backwards = newest = 0
        while frames < wanted:
            frame = self._reader.next()
            if frame is None:
                break
            with frame:
                backwards += frame.seq <= newest
                newest = frame.seq
                before = bytes(frame.pixels[::SAMPLE_EVERY])
                if work_s > 0:
                    time.sleep(work_s)
                after = bytes(frame.pixels[::SAMPLE_EVERY])
                right = before == after == bytes([frame.seq % 256]) * len(after)
                whole = frame.whole()
                expired += not whole
                torn += whole and not right
            frames += 1
        return {"frames": frames, "expired": expired, "torn": torn, "backwards": backwards, "end": self._reader.end}

    _HANDLERS = {
        "next": _next,
        "poll": _poll,
        "release": _release,
        "statistics": _statistics,
        "close": _close,
        "loop": _loop,
    }


def failure(error: VigiaError) -> Dict[str, Any]:
    """An error in the form of an answer."""
    return {"error": {"code": error.code, "message": str(error)}}


def say(answer: Dict[str, Any]) -> None:
    """Prints one line and flushes it."""
    print(json.dumps(answer), flush=True)


def main() -> int:
    """See above."""
    socket_path, reader_id, wake, *fps = sys.argv[1:]
    try:
        reader = FrameReader.attach(socket_path, reader_id, wake=wake, fps=float(fps[0]) if fps else None)
    except VigiaError as error:
        say(failure(error))
        return 1
    with reader:
        say({"attached": True})
        agent = Agent(reader)
        for line in sys.stdin:
            say(agent.answer(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
