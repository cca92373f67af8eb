"""A host for workers under test: starts them, sends frames, reads their messages."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Dict, List, Optional

from vigia.worker._msgpack import pack, unpack

from .picture import Picture
from .segment_writer import SegmentWriter

SDK = Path(__file__).resolve().parents[1]
REPOSITORY = SDK.parents[1]
MESSAGES = REPOSITORY / "docs/protocol/vectors/worker-messages.json"
WAIT_S = 20
"""A worker that runs longer is killed, which ends every wait for it."""
SKIPPED = ("heartbeat", "log")
Message = Dict[str, Any]


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def frame_message(seq: int, **changed: Any) -> Message:
    """A frame of 4 × 2 grey pixels that all have the value of ``seq``."""
    message = {
        "type": "frame",
        "camera_id": "hall",
        "seq": seq,
        "captured_at": "2026-01-01T00:00:00.123Z",
        "captured_monotonic_ns": str(time.monotonic_ns()),
        "age_ms": 12.5,
        "pts_us": 40_000 * seq,
        "width": 4,
        "height": 2,
        "format": "GRAY8",
        "data": bytes([seq % 256]) * 8,
    }
    message.update(changed)
    return {name: value for name, value in message.items() if value is not None}


class Worker:
    """One worker process, and the host's ends of its pipes: sockets, as Node makes them, or pipes."""

    def __init__(
        self, arguments: List[str], environment: Optional[Dict[str, Optional[str]]] = None, sockets: bool = True
    ) -> None:
        variables = {**os.environ, "PYTHONPATH": str(SDK), "VIGIA_TRANSPORT": "stdin", **(environment or {})}
        self._stderr = tempfile.TemporaryFile()
        pairs = [socket.socketpair() for _ in range(2)] if sockets else []
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env={name: value for name, value in variables.items() if value is not None},
            stdin=pairs[0][1] if sockets else subprocess.PIPE,
            stdout=pairs[1][1] if sockets else subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        self._input: Any = pairs[0][0].makefile("wb", 0) if sockets else self.process.stdin
        self._output: Any = pairs[1][0].makefile("rb") if sockets else self.process.stdout
        for ours, theirs in pairs:
            ours.close()
            theirs.close()
        self._watchdog = threading.Timer(WAIT_S, self.kill)
        self._watchdog.start()

    def send(self, *messages: Message) -> None:
        for message in messages:
            self.send_bytes(framed(pack(message)))

    def send_bytes(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._input.write(left) :]
        self._input.flush()

    def end_input(self) -> None:
        self._input.close()

    def end_output(self) -> None:
        self._output.close()

    def says(self) -> Message:
        """The next message of any type."""
        head = self._output.read(4)
        body = self._output.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""
        if not body:
            raise AssertionError(f"the worker has ended: {self.log}")
        return unpack(memoryview(body))

    def answers(self) -> Message:
        """The next message that is neither a heartbeat nor a log line."""
        message = self.says()
        while message["type"] in SKIPPED:
            message = self.says()
        return message

    def ask(self, message: Message) -> Message:
        """The answer to a frame."""
        self.send(message)
        return self.answers()

    def rest(self) -> bytes:
        """All remaining messages, after its end."""
        return self._output.read()

    def ends(self) -> int:
        """Waits for the end, and returns the exit code."""
        return self.process.wait()

    @property
    def log(self) -> str:
        """Its standard error; waits for its end."""
        self.ends()
        self._stderr.seek(0)
        return self._stderr.read().decode()

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # Expects that it has ended, with all processes it started.

    def close(self) -> None:
        self.kill()
        self.process.wait()
        self._watchdog.cancel()
        self._watchdog.join()
        for stream in (self._input, self._output, self._stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # Some bytes were not sent.


class WorkerCase(unittest.TestCase):
    """Tests with workers in separate processes, and with real segments; none of them is left afterwards."""

    def start(
        self, code: str, environment: Optional[Dict[str, Optional[str]]] = None, sockets: bool = True
    ) -> Worker:
        return self.keep(Worker(["-c", code], environment, sockets))

    def start_ready(self, code: str, environment: Optional[Dict[str, Optional[str]]] = None) -> Worker:
        worker = self.start(code, environment)
        self.assertEqual(worker.answers()["type"], "ready")
        return worker

    def start_example(self, name: str, **options: Any) -> Worker:
        environment = {"VIGIA_WORKER_OPTIONS": json.dumps(options.pop("options", {})), **options.pop("environment", {})}
        return self.keep(Worker([str(REPOSITORY / "examples/workers" / name)], environment))

    def keep(self, worker: Worker) -> Worker:
        self.addCleanup(worker.close)
        return worker

    def segment(self, picture: Picture, name: str = "worker", slots: int = 4) -> SegmentWriter:
        writer = SegmentWriter(f"/dev/shm/vigia_test_{os.getpid()}_{name}", slots, picture.byte_length)
        self.addCleanup(lambda: writer.memory.closed or writer.close())
        return writer

    def assert_error(self, answer: Message, seq: int, code: str, text: str = "") -> None:
        self.assertEqual((answer["type"], answer["seq"]), ("result", seq), answer)
        self.assertEqual(answer["error"]["code"], code, answer)
        self.assertIn(text, answer["error"]["message"])
        self.assertEqual(sorted(answer), ["error", "seq", "type"])


def write(writer: SegmentWriter, picture: Picture, slot: int, seq: int) -> Message:
    """Writes a picture into a slot. Returns the message about it."""
    writer.begin(slot)
    writer.write_pixels(slot, picture.pixels(seq))
    captured_ns = time.monotonic_ns()
    generation = writer.commit(slot, seq, picture.stamp(captured_ns))
    ref = {
        "path": writer.path,
        "epoch": str(writer.epoch),
        "slot": slot,
        "generation": str(generation),
        "offset": writer.data + slot * writer.stride,
        "byte_length": picture.byte_length,
        "strides": [stride for _, stride in picture.planes],
    }
    shape = {"width": picture.width, "height": picture.height, "format": picture.format}
    return frame_message(seq, captured_monotonic_ns=str(captured_ns), data=None, ref=ref, **shape)
