"""Containers as processes: command line, signals, hangs, kill -9."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, Optional
from unittest import mock

from vigia.container import serve
from vigia.container._command import run_dir

from .container_support import WAIT_S, ContainerCase, infer

SDK = Path(__file__).resolve().parents[1]
HANGS = """
import sys, threading
from vigia.container import serve
calls = []
def infer(frame):
    calls.append(1)
    if len(calls) > 1:
        print("hangs", flush=True)
        threading.Event().wait()
    return []
serve(infer, model_id="m", classes=[], width=2, height=2, on_ready=lambda: print("ready", flush=True))
print("after", flush=True)
"""
LOADS_FOR_EVER = """
import threading
from vigia.container import serve
def load():
    print("loads", flush=True)
    threading.Event().wait()
serve(lambda frame: [], model_id="m", classes=[], width=2, height=2, load=load)
"""
KEEPS_THE_LOCK = """
import ctypes
from vigia.container import serve, _container
_container._STUCK_S = -1.5  # of a run limit of 2 s
_container._STILL_ALIVE_MS = 100
calls = []
def infer(frame):
    calls.append(1)
    if len(calls) > 1:
        ctypes.PyDLL(None).sleep(60)
    return []
serve(infer, model_id="m", classes=[], width=2, height=2, on_ready=lambda: print("ready", flush=True))
"""
FAILS = """
from vigia.container import serve
serve(lambda frame: 1 / 0, model_id="m", classes=[], width=2, height=2)
"""


class Started:
    """A container in a process of its own."""

    def __init__(self, arguments: List[str], environment: Optional[Dict[str, str]] = None, stdin: int = 0) -> None:
        variables = {**os.environ, "PYTHONPATH": str(SDK), **(environment or {})}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env=variables,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._log: Optional[str] = None

    def says(self, line: str) -> None:
        """Waits for a line on its standard output."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        got = self.process.stdout.readline().decode().strip() if ready else "nothing"
        if got != line:
            raise AssertionError(f"{got!r} instead of {line!r}; {self.log if not got else ''}")

    def ends(self) -> int:
        """Waits for its end, and returns the exit code."""
        self._log = self.process.communicate(timeout=WAIT_S)[1].decode()
        return self.process.returncode

    @property
    def log(self) -> str:
        """Its standard error, once it has ended."""
        if self._log is None:
            self.ends()
        return self._log or ""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.process.wait()


class Processes(ContainerCase):
    def run_bright(self, *more: str, stdin: int = 0) -> Started:
        arguments = ["-m", "vigia.container.bright", "--socket", self.path, "--model-id", "m", *more]
        return self.keep(Started(arguments, stdin=stdin))

    def run_code(self, code: str, *more: str) -> Started:
        return self.keep(Started(["-c", code, "--socket", self.path, *more]))

    def keep(self, started: Started) -> Started:
        self.addCleanup(started.close)
        return started

    def test_the_example_tells_how_bright_a_frame_is_and_stops_at_sigterm(self) -> None:
        started = self.run_bright("--allow-dir", self.dir)
        started.says("ready")
        client = self.client()
        answer = client.ask(infer("a", self.file("bright", bytes([51]) * 12)))
        found = [{"class_id": 0, "class_name": "bright", "confidence": 0.2, "bbox": [0.0, 0.0, 1.0, 1.0]}]
        self.assertEqual(answer["detections"], found)
        shape = client.ask({"op": "describe"})["input"]
        self.assertEqual((shape["width"], shape["height"], shape["fit"]), (8, 8, "stretch"))
        started.process.send_signal(signal.SIGTERM)
        self.assertTrue(client.ended())
        self.assertEqual(started.ends(), 0)
        self.assertFalse(os.path.exists(self.path))
        line = json.loads(started.log.splitlines()[0])
        self.assertEqual(list(line), ["level", "time", "from", "message"])
        self.assertEqual((line["level"], line["from"]), ("info", "model:m"))
        self.assertTrue(started.log.startswith('{"level":"info",'))

    def test_sigint_and_a_run_that_does_not_end(self) -> None:
        started = self.run_code(HANGS)
        started.says("ready")
        client = self.client()
        client.send(infer("a", self.frame))
        started.says("hangs")
        self.assertEqual(client.ask({"op": "health", "request_id": "h"})["state"], "ready")
        started.process.send_signal(signal.SIGINT)
        self.assertEqual(started.ends(), 0)
        self.assertFalse(os.path.exists(self.path))
        self.assertIn("closed while an inference was running", started.log)

    def test_a_run_over_its_limit_ends_the_process(self) -> None:
        started = self.run_code(HANGS)
        started.says("ready")
        client = self.client()
        client.send(infer("a", self.frame))
        started.says("hangs")
        self.assertTrue(client.ended())
        self.assertEqual(started.ends(), 1)
        self.assertFalse(os.path.exists(self.path))
        line = json.loads(started.log.splitlines()[-1])
        text = "the model is gone: an inference did not end within 2000 ms"
        self.assertEqual((line["level"], line["message"]), ("error", text))

    def test_native_code_that_keeps_the_interpreters_lock_is_ended_too(self) -> None:
        started = self.run_code(KEEPS_THE_LOCK)
        started.says("ready")
        client = self.client()
        client.send(infer("a", self.frame))
        self.assertTrue(client.ended())
        self.assertEqual(started.ends(), 1)
        self.assertIn("Timeout", started.log)
        # Its leftovers are replaced by the next one.
        self.run_bright().says("ready")

    def test_sigterm_while_loading(self) -> None:
        started = self.run_code(LOADS_FOR_EVER)
        started.says("loads")
        started.process.send_signal(signal.SIGTERM)
        self.assertEqual(started.ends(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_kill_leaves_a_socket_that_is_replaced_and_a_live_one_is_refused(self) -> None:
        first = self.run_bright()
        first.says("ready")
        first.process.kill()
        first.ends()
        self.assertTrue(os.path.exists(self.path))
        self.run_bright().says("ready")
        third = self.run_bright()
        self.assertEqual(third.ends(), 1)
        self.assertIn(f"another process serves {self.path}", third.log)
        self.assertNotIn("Traceback", third.log)
        self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")

    def test_what_cannot_be_is_said_in_a_sentence(self) -> None:
        too_long = ["--socket", "/tmp/" + "x" * 103]
        cases = {
            "at most 107 are possible": (2, self.run_bright(*too_long)),
            "no folder": (2, self.run_bright("--allow-dir", f"{self.dir}/none")),
            "unrecognized arguments: --frobnicate": (2, self.run_bright("--frobnicate")),
            "--model-id": (2, self.run_bright("--model-id", "")),
            "ZeroDivisionError: division by zero": (1, self.run_code(FAILS)),
        }
        for text, (code, started) in cases.items():
            with self.subTest(text):
                self.assertEqual(started.ends(), code)
                self.assertIn(text, started.log)
                self.assertNotIn("Traceback", started.log)

    def test_it_ends_with_its_standard_input_where_that_was_asked(self) -> None:
        started = self.run_bright("--stop-with-stdin", stdin=subprocess.PIPE)
        started.says("ready")
        assert started.process.stdin is not None
        started.process.stdin.close()
        started.process.stdin = None
        self.assertEqual(started.ends(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_a_log_that_nobody_reads_stops_nothing(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            with self.assertRaises(BlockingIOError):
                while True:
                    theirs.setblocking(False)
                    theirs.send(b"x" * 4096)
            theirs.setblocking(True)
            arguments = [sys.executable, "-m", "vigia.container.bright", "--socket", self.path, "--model-id", "m"]
            variables = {**os.environ, "PYTHONPATH": str(SDK)}
            process = subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, stderr=theirs)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            assert process.stdout is not None
            with process.stdout:
                self.assertEqual(process.stdout.readline(), b"ready\n")
                self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")


class DefaultSocket(unittest.TestCase):
    def test_where_sockets_are(self) -> None:
        self.assertEqual(str(run_dir("n", {"VIGIA_RUN_DIR": "/r", "XDG_RUNTIME_DIR": "/x"})), "/r")
        self.assertEqual(str(run_dir("n", {"XDG_RUNTIME_DIR": "/x"})), "/x/vigia/n")
        self.assertEqual(str(run_dir("n", {})), f"/tmp/vigia-{os.getuid()}/n")

    def test_the_folder_is_made_for_this_user(self) -> None:
        with tempfile.TemporaryDirectory(prefix="vigia-container-") as folder:
            started = Started(["-m", "vigia.container.bright", "--node", "ward"], {"XDG_RUNTIME_DIR": folder})
            self.addCleanup(started.close)
            if os.environ.get("VIGIA_RUN_DIR"):
                self.skipTest("VIGIA_RUN_DIR is set")
            started.says("ready")
            run = os.path.join(folder, "vigia", "ward")
            self.assertEqual(os.listdir(run), ["vigia_model_bright.sock"])
            self.assertEqual([os.stat(path).st_mode & 0o777 for path in (run, os.path.dirname(run))], [0o700] * 2)
            started.process.terminate()
            self.assertEqual(started.ends(), 0)

    def test_names_that_are_no_file_names(self) -> None:
        for arguments in (["--node", "../x"], ["--model-id", "a/b"], ["--node", "n" * 64]):
            with self.subTest(arguments), mock.patch("sys.stderr"), self.assertRaises(SystemExit) as caught:
                serve(lambda frame: [], model_id="m", classes=[], width=1, height=1, argv=arguments)
            self.assertEqual(caught.exception.code, 2)
