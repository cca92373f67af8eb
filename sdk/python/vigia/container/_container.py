"""A container: the model's thread, the loop's thread, and the socket between them and their peers."""

from __future__ import annotations

import faulthandler
import os
import selectors
import threading
from queue import SimpleQueue
from typing import Any, Callable, Dict, Optional, Sequence, Union

from ..errors import ContainerError
from ._connection import Connection
from ._frame import Frame
from ._frames import ConnectionFrames
from ._listen import ListeningSocket, check_free, check_path
from ._log import Log
from ._loop import Loop
from ._model_spec import ModelSpec, spec_of
from ._pixels import packed_layout
from ._references import FrameRoots
from ._runner import Runner
from ._service import RUN_LIMIT_FACTOR, RUN_LIMIT_FLOOR_MS, ModelService, Peer

MAX_CONNECTIONS = 256
"""32 cameras with a few consumers each, twice over."""
_CLOSE_S = 0.6
"""Longest time that closing waits for a run in progress."""
_ACCEPT_PAUSE_MS = 100
_STDERR = 2
_STUCK_S = 10
_STILL_ALIVE_MS = 1000
_GREY = 128


class Container:
    """Serves one model on a Unix socket: docs/protocol/model-container.md of the vigia repository.

    States: new, serving after :meth:`start`, closed permanently after :meth:`close`. Also a context manager. For a
    process of its own use :func:`vigia.container.serve`.
    """

    def __init__(
        self,
        infer: Callable[[Frame], Any],
        model: Optional[ModelSpec] = None,
        *,
        socket_path: Union[str, os.PathLike[str]],
        allow_dirs: Sequence[str] = (),
        on_hang: Optional[Callable[[str], None]] = None,
        **attributes: Any,
    ) -> None:
        """Checks the arguments; opens nothing yet.

        Args:
            infer: the model: a Frame in, a list of Detection out. Called on one thread, one frame at a time.
            model: what it is. Any attribute of :class:`ModelSpec` may be given by keyword, with ``model`` or without.
            socket_path: where to listen, at most 107 bytes.
            allow_dirs: folders, besides /dev/shm, from which plain frame files are accepted.
            on_hang: called when a run exceeds its limit; default: remove the socket and end the process.

        Raises ValueError naming the attribute that is wrong.
        """
        self._model = spec_of(model, attributes)
        self.model_id = self._model.model_id
        self.socket_path = os.fspath(socket_path)
        self.log = Log(f"model:{self.model_id}")
        self._allow_dirs = allow_dirs
        self._on_hang = on_hang or self._die
        self._loop = Loop(lambda error: self.log.error(f"a mistake of the container's own: {error!r}"))
        self._runner = Runner(infer, self._model.load, self._model.classes, self._loop.post, self.log)
        self._service: Optional[ModelService] = None
        self._roots: Optional[FrameRoots] = None
        self._listening: Optional[ListeningSocket] = None
        self._thread: Optional[threading.Thread] = None
        self._connections: Dict[int, Connection] = {}
        self._accepted = 0
        self._closed = False
        self._idle = True
        self.probe_ms = 0.0
        """Milliseconds of the first run."""
        self.run_limit_ms = 0.0
        """Longest time of a run. Both are known once it serves."""

    def start(self) -> Container:
        """Loads and checks the model, then listens. Returns itself.

        Raises ContainerError; nothing is left open then.
        """
        reports: SimpleQueue[object] = SimpleQueue()
        self.prove(reports.put)
        self.listen(reports.get())
        return self

    def prove(self, report: Callable[[object], None]) -> None:
        """The first half of :meth:`start`: ``report`` is called on another thread, with the argument for
        :meth:`listen`.

        Raises ContainerError for problems that show before the model is loaded.
        """
        try:
            check_path(self.socket_path)
            check_free(self.socket_path)
            try:
                self._roots = FrameRoots(self._allow_dirs)
            except ValueError as error:
                raise ContainerError("allow_dir", str(error)) from error
            self._runner.prove(_grey(self._model), report)
        except BaseException:
            self.close()
            raise

    def listen(self, proof: object) -> None:
        """The second half of :meth:`start`. Raises ContainerError; nothing is left open then."""
        try:
            if isinstance(proof, ContainerError):
                raise proof
            self.probe_ms = float(proof)  # type: ignore[arg-type]
            self.run_limit_ms = max(RUN_LIMIT_FLOOR_MS, RUN_LIMIT_FACTOR * self.probe_ms)
            self._service = ModelService(self._model, self._runner, self._loop, self.run_limit_ms, self._on_hang)
            self._listening = ListeningSocket(self.socket_path)
        except BaseException:
            self.close()
            raise
        self._watch_listening()
        self._thread = threading.Thread(target=self._run_loop, name="vigia-container", daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Removes the socket, settles waiting requests, closes every connection, within a second.

        Returns whether the model's thread has ended too: a run that hangs cannot be interrupted. Idempotent.
        """
        if self._closed:
            return self._idle
        self._closed = True
        if self._listening is not None:
            self._listening.unlink()
        if self._thread is None:
            self._loop.close()
        elif self._thread is threading.current_thread():
            self._shut()
        else:
            self._loop.post(self._shut)
            self._thread.join(_CLOSE_S / 2)
        self._idle = self._runner.close(_CLOSE_S / 2)
        if not self._idle:
            self.log.warn("closed while an inference was running")
        return self._idle

    def watch_interpreter(self) -> None:
        """Ends the process when none of its Python threads could run for the run limit and 10 s more.

        The cause is native code that hangs while it holds the interpreter's lock, so no Python code can notice it. The
        long time distinguishes it from a process that was suspended (stopped, or on a sleeping machine). Call it once,
        while serving, if the process belongs to the container.
        """
        faulthandler.dump_traceback_later(self.run_limit_ms / 1000 + _STUCK_S, exit=True, file=_STDERR)
        self._loop.after(_STILL_ALIVE_MS, self.watch_interpreter)

    def __enter__(self) -> Container:
        return self if self._thread else self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_loop(self) -> None:
        try:
            self._loop.run()
        except BaseException as error:
            # The socket would accept connections and never answer.
            self._on_hang(f"its own loop failed: {error!r}")

    def _shut(self) -> None:
        if self._listening is not None:
            self._loop.watch(self._listening.socket, 0, self._accept)
            self._listening.close()
        if self._service is not None:
            self._service.close()
        for connection in list(self._connections.values()):
            connection.close()
        self._loop.stop()

    def _watch_listening(self) -> None:
        if self._listening is not None and not self._closed:
            self._loop.watch(self._listening.socket, selectors.EVENT_READ, self._accept)

    def _accept(self, _: int) -> None:
        if self._listening is None or self._service is None or self._roots is None:
            return
        try:
            peer_socket, _address = self._listening.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Out of descriptors: the socket stays readable, so the loop would spin without a pause.
            self.log.warn_rarely(f"a connection could not be accepted: {error.strerror}")
            self._loop.watch(self._listening.socket, 0, self._accept)
            self._loop.after(_ACCEPT_PAUSE_MS, self._watch_listening)
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            peer_socket.close()
            self.log.warn_rarely(f"more than {MAX_CONNECTIONS} connections: one was refused")
            return
        self._accepted += 1
        peer = Peer(self._accepted, ConnectionFrames(self._roots))
        self._connections[self._accepted] = Connection(
            peer, peer_socket, self._service, self._loop, self.log, self._forget
        )

    def _forget(self, connection: Connection) -> None:
        del self._connections[connection.number]

    def _die(self, why: str) -> None:
        """Native code that hangs cannot be interrupted, nor can its thread: only ending the process helps."""
        if self._listening is not None:
            self._listening.unlink()
        self.log.error(f"the model is gone: {why}")
        os._exit(1)


def _grey(model: ModelSpec) -> Frame:
    planes, size = packed_layout("RGB24", model.width, model.height)
    return Frame(bytearray([_GREY]) * size, "RGB24", model.width, model.height, planes)
