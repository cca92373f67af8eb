"""The model's thread."""

from __future__ import annotations

import threading
import time
import traceback
from queue import SimpleQueue
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from .._detections import InvalidDetections, encode_detections
from ..errors import ContainerError
from ._frame import Frame
from ._log import Log
from ._references import FrameProblem

_TEXT_MAX = 500


class Outcome(NamedTuple):
    """Outcome of a run: detections, or a code and one sentence. ``ran``: the model was called."""

    detections: Optional[List[Dict[str, Any]]]
    code: str
    message: str
    inference_ms: float
    ran: bool


class Runner:
    """Loads, checks and runs one model, all on one thread: resources bound to a thread stay there.

    States: new, proving, idle or running, closed. Owns the thread; a run that hangs keeps the thread, but not the
    process, alive.
    """

    def __init__(
        self,
        infer: Callable[[Frame], Any],
        load: Optional[Callable[[], Any]],
        classes: Sequence[str],
        post: Callable[[Callable[[], None]], None],
        log: Log,
    ) -> None:
        """``post`` runs a callback on the loop's thread."""
        self._infer = infer
        self._load = load
        self._classes = classes
        self._post = post
        self._log = log
        self._work: SimpleQueue[Optional[Callable[[], None]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="vigia-inference", daemon=True)

    def prove(self, picture: Frame, report: Callable[[object], None]) -> None:
        """Starts the thread, loads, and runs the model once.

        ``report`` is called once on that thread: with the milliseconds of the run, or a ContainerError.
        """
        self._work.put(lambda: report(self._prove(picture)))
        self._thread.start()

    def run(self, read: Callable[[], Frame], done: Callable[[Outcome], None]) -> None:
        """Runs the model on the result of ``read``, which may raise FrameProblem. The caller starts one run at a time.

        ``read`` is called at the last moment, so the frame is as new as possible.
        """

        def work() -> None:
            outcome = self._look(read)
            self._post(lambda: done(outcome))

        self._work.put(work)

    def close(self, patience_s: float) -> bool:
        """Ends the thread after the run in progress. Returns whether it has ended in time. Idempotent."""
        if not self._thread.ident:
            return True
        self._work.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            work()
            # Not kept until the next run: it references the peer and its mappings.
            work = None

    def _prove(self, picture: Frame) -> object:
        try:
            if self._load is not None:
                self._load()
        except BaseException as error:
            return ContainerError("load_failed", f"the model cannot be loaded: {_text(error)}{_place(error)}")
        outcome = self._look(lambda: picture)
        if outcome.detections is None:
            return ContainerError("probe_failed", f"the model failed on the first, grey picture: {outcome.message}")
        return outcome.inference_ms

    def _look(self, read: Callable[[], Frame]) -> Outcome:
        try:
            frame = read()
        except FrameProblem as problem:
            return Outcome(None, problem.code, problem.message, 0, False)
        except BaseException as error:
            # Out of memory, or a bug of the container: this request fails, later ones do not.
            self._log.warn_rarely(f"a frame could not be read: {_text(error)}{_place(error)}")
            return Outcome(None, "frame_invalid", f"the frame cannot be read: {_text(error)}", 0, False)
        started = time.perf_counter_ns()
        try:
            returned = self._infer(frame)
            elapsed = (time.perf_counter_ns() - started) / 1e6
            return Outcome(encode_detections(returned, self._classes), "", "", elapsed, True)
        except InvalidDetections as problem:
            self._log.warn_rarely(f"inference failed: {problem}")
            return Outcome(None, "inference_failed", _cut(str(problem)), 0, True)
        except BaseException as error:
            # SystemExit too: it would end this thread and leave a container that never answers.
            self._log.warn_rarely(f"inference failed: {_text(error)}{_place(error)}")
            return Outcome(None, "inference_failed", _text(error), 0, True)


def _text(error: BaseException) -> str:
    """An error on one line."""
    try:
        text = str(error)
    except Exception:
        text = "its text is unavailable"
    name = type(error).__name__
    return _cut(f"{name}: {text}" if text else name)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_MAX else line[: _TEXT_MAX - 1] + "…"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
