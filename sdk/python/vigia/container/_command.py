"""A container as a process: command line, signals, the end."""

from __future__ import annotations

import argparse
import errno
import faulthandler
import os
import re
import signal
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple

from ..errors import ContainerError
from ._container import Container
from ._frame import Frame
from ._model_spec import ModelSpec, spec_of

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_STOP = "stop"
#: Interval at which waits are interrupted for Python's own signal handlers.
_SIGNALS_SECONDS = 0.25


def serve(
    infer: Callable[[Frame], Any],
    model: Optional[ModelSpec] = None,
    *,
    argv: Optional[Sequence[str]] = None,
    on_ready: Optional[Callable[[], Any]] = None,
    **attributes: Any,
) -> None:
    """Serves a model until SIGTERM or SIGINT, then closes everything within a second, even if a run hangs.

    Call it on the main thread of a process that does nothing else. It reads the command line: ``--socket PATH``,
    ``--model-id ID``, ``--node NAME``, ``--allow-dir DIR`` (repeatable), ``--stop-with-stdin``. The socket's default
    is ``<run dir>/vigia_model_<model id>.sock``.

    Args:
        infer: the model: a Frame in, a list of Detection out. Called on one thread, one frame at a time.
        model: what it is. Any attribute of :class:`ModelSpec` may be given by keyword, with ``model`` or without.
        argv: the command line without the program's name; default: this process's.
        on_ready: called once, when the container begins to answer requests.

    Raises ValueError for a wrong attribute. Exits with 2 on a wrong command line and with 1 when the model or the socket
    cannot be used, each with one sentence on stderr.
    """
    model = spec_of(model, attributes)
    parser, options = _options(argv, model.model_id)
    container = Container(
        infer,
        replace(model, model_id=options.model_id),
        socket_path=options.socket,
        allow_dirs=options.allow_dir,
    )
    events: SimpleQueue[object] = SimpleQueue()
    # `put` of this kind of queue may interrupt itself: a handler can call it at any moment.
    before = {each: signal.signal(each, lambda *_: events.put(_STOP)) for each in (signal.SIGTERM, signal.SIGINT)}
    if options.stop_with_stdin:
        threading.Thread(target=_wait_for_end_of_stdin, args=(events,), daemon=True).start()
    try:
        _run(container, events, on_ready)
    except ContainerError as error:
        if error.code in ("socket_path", "allow_dir"):
            parser.error(str(error))
        container.log.error(str(error))
        sys.exit(1)
    finally:
        ended = container.close()
        faulthandler.cancel_dump_traceback_later()
        for each, handler in before.items():
            signal.signal(each, handler)
        if not ended:
            # A normal exit would wait for the thread that hangs, or tear it down under native code.
            _flush()
            os._exit(0 if sys.exc_info()[0] is None else 1)


def run_dir(node: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of a node's sockets."""
    if environment.get("VIGIA_RUN_DIR"):
        return Path(environment["VIGIA_RUN_DIR"])
    base = environment.get("XDG_RUNTIME_DIR")
    return (Path(base, "vigia") if base else Path(f"/tmp/vigia-{os.getuid()}")) / node


def _run(container: Container, events: SimpleQueue[object], on_ready: Optional[Callable[[], Any]]) -> None:
    container.prove(events.put)
    proof = _next(events)
    if proof == _STOP:
        return
    container.listen(proof)
    container.watch_interpreter()
    container.log.info(f"ready: {container.model_id}, first inference {container.probe_ms:.1f} ms")
    if on_ready is not None:
        on_ready()
    while _next(events) != _STOP:
        pass


def _next(events: SimpleQueue[object]) -> object:
    """Waits for an event, and lets Python's signal handlers run meanwhile.

    A signal does not always interrupt the wait: the system's handler may run in another thread. CPython runs Python's
    handler in the main thread, at the next bytecode: at the next turn of this loop.
    """
    while True:
        try:
            return events.get(timeout=_SIGNALS_SECONDS)
        except Empty:
            pass


def _options(argv: Optional[Sequence[str]], model_id: str) -> Tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="A vigia model container.", allow_abbrev=False)
    parser.add_argument("--socket", metavar="PATH", help="where to listen (default: in the node's run directory)")
    parser.add_argument("--model-id", metavar="ID", default=model_id, help="what the model is called (%(default)s)")
    parser.add_argument("--node", metavar="NAME", default="vigia", help="whose run directory (%(default)s)")
    parser.add_argument(
        "--allow-dir", metavar="DIR", action="append", default=[], help="frames may come from there too; repeatable"
    )
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input does")
    options = parser.parse_args(argv)
    if not 1 <= len(options.model_id) <= 128:
        parser.error(f"--model-id {options.model_id}: 1 to 128 characters are expected")
    if options.socket is None:
        options.socket = _default_socket(parser, options)
    return parser, options


def _default_socket(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    if not _NAME.fullmatch(options.node):
        parser.error(f"--node {options.node}: a-z, 0-9, _ and - are expected, 63 characters at most")
    if "/" in options.model_id or "\0" in options.model_id:
        parser.error(f"--model-id {options.model_id}: no name for a file; give --socket")
    folder = run_dir(options.node)
    try:
        _make_private(folder)
    except OSError as error:
        parser.error(f"{folder}: the run directory cannot be used ({error.strerror}); give --socket")
    return str(folder / f"vigia_model_{options.model_id}.sock")


def _make_private(folder: Path) -> None:
    """Creates missing folders, this one and its parent, for this user only.

    Raises OSError, also when the guessable name below /tmp is a link or belongs to another user.
    """
    for part in (folder.parent, folder):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = part.lstat()
        guessed = str(part).startswith(f"/tmp/vigia-{os.getuid()}")
        if guessed and not (stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()):
            raise PermissionError(errno.EPERM, f"{part} is not this user's")


def _wait_for_end_of_stdin(events: SimpleQueue[object]) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # Treated like the end of input.
    events.put(_STOP)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # The pipe has no reader any more.
