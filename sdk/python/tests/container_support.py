"""Support for tests of containers: a client, a model whose runs end on request, a clock that stands still."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import shutil
import socket
import struct
import tempfile
import time
import unittest
from pathlib import Path
from queue import Queue
from typing import Any, Callable, Dict, List, Optional, Tuple
from unittest import mock

from vigia.container import Container, Detection, Frame
from vigia.container._loop import Timer

from .picture import Picture
from .segment_writer import SegmentWriter

MESSAGES = Path(__file__).resolve().parents[3] / "docs/protocol/vectors/container-messages.json"
WHOLE = (0.0, 0.0, 1.0, 1.0)
WAIT_S = 10
"""Seconds until a test gives up."""
Message = Dict[str, Any]


def shm_path(name: str) -> str:
    return f"/dev/shm/vigia_test_{os.getpid()}_{name}"


def encoded(message: object) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def infer(camera: str, reference: str, metadata: Optional[Message] = None, **more: Any) -> Message:
    frame = {"frame_id": 7, "width": 2, "height": 2, "format": "RGB24", **(metadata or {})}
    request = {"model_id": "m", "camera_id": camera, "timestamp": 1, "frame_reference": reference}
    return {**request, "frame_metadata": frame, **more}


def want(camera: str, request_id: str, op: str = "want", **more: Any) -> Message:
    ids = {"op": op, "request_id": request_id, "model_id": "m", "camera_id": camera, "consumer": "people"}
    return {**ids, **more}


class Client:
    """One connection to a container."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(WAIT_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def send(self, *messages: object) -> None:
        self.socket.sendall(b"".join(encoded(message) for message in messages))

    def next(self) -> Message:
        length = struct.unpack(">I", self._exactly(4))[0]
        return json.loads(self._exactly(length))

    def ask(self, message: object) -> Message:
        self.send(message)
        return self.next()

    def ended(self) -> bool:
        """Waits for the container to close the connection; False when it sends something instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            if not more:
                raise EOFError(f"the connection ended after {len(got)} of {size} bytes")
            got += more
        return got


class GatedModel:
    """A model whose runs end on the test's request; open: at once. The probe always ends at once."""

    def __init__(self, gated: bool = False) -> None:
        self.gated = gated
        self.frames: List[Frame] = []
        self.started: Queue[Frame] = Queue()
        self._ends: Queue[object] = Queue()
        self.returned: object = [Detection(0, "bright", 0.9, WHOLE)]

    def __call__(self, frame: Frame) -> Any:
        self.frames.append(frame)
        outcome = self.returned
        if len(self.frames) > 1:
            self.started.put(frame)
            if self.gated:
                given = self._ends.get(timeout=WAIT_S)
                outcome = outcome if given is None else given
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def finish(self, outcome: object = None) -> None:
        """Waits for a run, then lets it end."""
        self.started.get(timeout=WAIT_S)
        self._ends.put(outcome)


class FakeClock:
    """Stands still until it is advanced."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: List[Tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    def now_ms(self) -> float:
        return self.now

    def after(self, ms: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + ms, next(self._numbers), timer))
        return timer

    def advance(self, ms: float) -> None:
        end = self.now + ms
        while self._timers and self._timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self._timers)
            timer.callback()
        self.now = end

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


class ContainerCase(unittest.TestCase):
    """Tests with containers in this process, real sockets and real files in /dev/shm, which are gone afterwards."""

    def setUp(self) -> None:
        self.dir = tempfile.mkdtemp(prefix="vigia-container-")
        self.path = os.path.join(self.dir, "m.sock")
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(self._remove_frames)
        # Messages provoked by the tests do not belong on the terminal.
        quiet = mock.patch("vigia.container._log.Log._write")
        self.logged = quiet.start()
        self.addCleanup(quiet.stop)
        self.frame = self.file("frame", bytes(range(12)))

    def start(self, model: Callable[[Frame], Any], **more: Any) -> Container:
        facts: Dict[str, Any] = {"model_id": "m", "classes": ["bright"], "width": 2, "height": 2, **more}
        container = Container(model, socket_path=self.path, **facts)
        self.addCleanup(container.close)
        return container.start()

    def client(self) -> Client:
        client = Client(self.path)
        self.addCleanup(client.close)
        return client

    def file(self, name: str, content: bytes) -> str:
        with open(shm_path(name), "wb") as file:
            file.write(content)
        return shm_path(name)

    def segment(self, name: str, picture: Picture, slots: int = 4) -> SegmentWriter:
        writer = SegmentWriter(shm_path(name), slots, picture.byte_length)
        self.addCleanup(writer.close)
        return writer

    def eventually(self, condition: Callable[[], bool]) -> None:
        """Waits for an effect of another thread; fails after a while."""
        limit = time.monotonic() + WAIT_S
        while not condition():
            self.assertLess(time.monotonic(), limit, "it did not happen")
            time.sleep(0.002)

    def assert_error(self, answer: Message, code: str, text: str = "") -> None:
        self.assertIsNotNone(answer["error"], answer)
        self.assertEqual(answer["error"]["code"], code, answer)
        self.assertIn(text, answer["error"]["message"])
        if "grant" not in answer:
            self.assertIsNone(answer["detections"])

    def log_lines(self) -> List[Tuple[str, str]]:
        return [(call.args[-2], call.args[-1]) for call in self.logged.call_args_list]

    def _remove_frames(self) -> None:
        for name in os.listdir("/dev/shm"):
            if name.startswith(f"vigia_test_{os.getpid()}_"):
                os.unlink(f"/dev/shm/{name}")
