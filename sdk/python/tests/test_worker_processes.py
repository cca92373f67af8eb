"""Around the loop: standard streams, children, threads, heartbeats, the environment, leaks."""

from __future__ import annotations

import os
import time
import unittest
from typing import List
from unittest import mock

import vigia
from vigia import WorkerError
from vigia.worker._frames import _wants
from vigia.worker._signs import Throttle

from .picture import Picture
from .worker_support import SDK, WorkerCase, frame_message, write

try:
    import numpy
except ImportError:
    numpy = None

PRINTS = """
import os, subprocess, sys
{early}
import vigia
print("after the import")
os.write(1, b"past Python\\n")
subprocess.run(["sh", "-c", "echo a child; cat"], check=True)
print("read:", repr(sys.stdin.read()))
for frame in vigia.frames():
    print("in the loop")
    frame.result(data=frame.pixels[0])
    print("after the answer", flush=True)
"""
CHILD_WORKER = """
import subprocess, sys, vigia
code = "import vigia; print('out'); vigia.heartbeat(); vigia.log('info', 'hello'); vigia.frames()"
for frame in vigia.frames():
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    frame.result(data=[child.stdout, child.stderr])
"""
FORKS = """
import os, sys, vigia
LIST = "import os; print(sorted(os.listdir('/proc/self/fd')))"
for frame in vigia.frames():
    if os.fork() == 0:
        for attempt in (frame.result, vigia.frames):
            try:
                attempt()
            except vigia.WorkerError as error:
                vigia.log("info", error.code)
        vigia.heartbeat()
        exec(LIST)
        os.execv(sys.executable, [sys.executable, "-c", LIST])
    os.wait()
    frame.result(data="parent")
"""
FORKS_OF_FORKS = """
import os, vigia
for frame in vigia.frames():
    if os.fork() == 0:
        opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(4)]
        if os.fork() == 0:
            for descriptor in opened:
                os.fstat(descriptor)
            vigia.log("info", "all of them are open")
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
    frame.result(data="parent")
"""
FLOODS = """
import vigia
for frame in vigia.frames():
    for i in range(5000):
        vigia.log("info", str(i))
        vigia.heartbeat()
    frame.result(data="looked")
"""
THREADS = """
import threading, vigia
def talk():
    for _ in range(40):
        vigia.log("debug", "x" * 8000)
threads = [threading.Thread(target=talk) for _ in range(4)]
for thread in threads:
    thread.start()
for frame in vigia.frames():
    frame.result(data="y" * 200_000)
for thread in threads:
    thread.join()
"""
SIGNS = """
import time, vigia
for _ in range(1000):
    vigia.heartbeat()
vigia.log("warn", "Gerät " + "x" * 9000)
try:
    vigia.log("fatal", "x")
except ValueError as error:
    vigia.log("info", str(error))
for frame in vigia.frames():
    pass
"""
TWICE = """
import vigia
first = vigia.frames()
second = vigia.frames()
frame = next(first)
try:
    next(second)
except vigia.WorkerError as error:
    frame.result(data=error.code)
for frame in first:
    frame.result(data="goes on")
assert next(first, "ended") == "ended"
"""
COUNTS = """
import os, vigia
def facts():
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    with open("/proc/self/maps") as maps:
        return [len(os.listdir("/proc/self/fd")), len(list(maps)), pages * 4]
for frame in vigia.frames():
    frame.result(data=facts() if frame.seq in (300, 3000) else None)
"""
BUFFERS = """
import vigia
kept = []
for frame in vigia.frames():
    if frame.seq == 3:
        kept.append(frame.pixels)
    frame.result(data=frame.array().ctypes.data)
"""
PIXELS = 1280 * 720


class Streams(WorkerCase):
    def test_what_is_printed_lands_in_the_log(self) -> None:
        for early, first in (("", []), ("print('before the import')", ["before the import"])):
            worker = self.start_ready(PRINTS.format(early=early), {"PYTHONUNBUFFERED": None})
            self.assertEqual(worker.ask(frame_message(1))["data"], 1)
            self.assertEqual(worker.ask(frame_message(2))["data"], 2)
            worker.send({"type": "stop"})
            self.assertEqual((worker.ends(), worker.rest()), (0, b""))
            lines = ["after the import", "past Python", "a child", "read: ''"]
            lines += ["in the loop", "after the answer"] * 2
            # Output that Python buffered before the import comes with the first line after it.
            self.assertEqual(worker.log.splitlines(), [*first, *lines])

    def test_a_child_that_uses_vigia_is_no_worker(self) -> None:
        out, log = self.start_ready(CHILD_WORKER).ask(frame_message(1))["data"]
        self.assertEqual((out, log.splitlines()[0]), ("out\n", "info: hello"))
        self.assertIn("frames() is for a process that vigia started as a worker; this one is not", log)

    def test_a_fork_cannot_speak_and_has_no_ends_of_the_pipes(self) -> None:
        worker = self.start_ready(FORKS)
        self.assertEqual(worker.ask(frame_message(1))["data"], "parent")
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest()), (0, b""))
        # 0 to 2, and the folder that is being listed.
        none_of_ours = "['0', '1', '2', '3']"
        self.assertEqual(worker.log.splitlines(), ["info: not_a_worker"] * 2 + [none_of_ours] * 2)

    def test_a_fork_of_a_fork_keeps_its_own_files(self) -> None:
        worker = self.start_ready(FORKS_OF_FORKS)
        self.assertEqual(worker.ask(frame_message(1))["data"], "parent")
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.log), (0, "info: all of them are open\n"))

    def test_messages_of_threads_do_not_mix(self) -> None:
        worker = self.start(THREADS, sockets=False)
        worker.send(frame_message(1))
        seen: List[str] = []
        while seen.count("log") < 160 or "result" not in seen:
            message = worker.says()
            seen.append(message["type"])
            if message["type"] == "log":
                self.assertEqual(message["message"], "x" * 8000)
        self.assertEqual(seen.count("ready"), 1)
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest()), (0, b""))


class Signs(WorkerCase):
    def test_before_the_loop(self) -> None:
        worker = self.start(SIGNS)
        said = []
        while not said or said[-1]["type"] != "ready":
            said.append(worker.says())
        beats = sum(message["type"] == "heartbeat" for message in said)
        self.assertGreaterEqual(beats, 1)
        self.assertLess(beats, 100)
        logs = [message for message in said if message["type"] == "log"]
        self.assertEqual([message["level"] for message in logs], ["warn", "info"])
        self.assertEqual(logs[0]["message"], ("Gerät " + "x" * 9000)[:8192])
        self.assertIn("'fatal': debug, info, warn, error are allowed", logs[1]["message"])

    def test_a_loop_of_signs_is_no_flood(self) -> None:
        worker = self.start_ready(FLOODS)
        began = time.monotonic()
        worker.send(frame_message(1))
        said = [worker.says()]
        while said[-1]["type"] != "result":
            said.append(worker.says())
        elapsed_s = time.monotonic() - began
        lines = [message["message"] for message in said if message["type"] == "log"]
        self.assertEqual(lines[:200], [str(i) for i in range(200)])
        self.assertLessEqual(len(lines), 200 * (1 + int(elapsed_s)))
        self.assertLessEqual(sum(message["type"] == "heartbeat" for message in said), 1 + elapsed_s / 0.05)

    def test_throttle(self) -> None:
        throttle = Throttle(3, 100)
        times = (0, 0, 50, 99, 99, 100, 150, 199, 199, 450, 549, 549, 549, 550)
        passed = [now for now in times if throttle.passes(now)]
        self.assertEqual(passed, [0, 0, 50, 100, 150, 199, 450, 549, 549, 550])

    def test_one_loop_per_worker(self) -> None:
        worker = self.start_ready(TWICE)
        self.assertEqual(worker.ask(frame_message(1))["data"], "frames_taken")
        self.assertEqual(worker.ask(frame_message(2))["data"], "goes on")
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))


class NotAWorker(WorkerCase):
    def test_frames_says_so(self) -> None:
        with self.assertRaisesRegex(WorkerError, "this one is not") as caught:
            vigia.frames()
        self.assertEqual(caught.exception.code, "not_a_worker")

    def test_standard_streams_are_left_alone(self) -> None:
        code = "import vigia; print(input()); vigia.heartbeat(); vigia.log('info', 'hello')"
        worker = self.start(code, {"VIGIA_TRANSPORT": None})
        worker.send_bytes(b"line\n")
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"line\n", "info: hello\n"))


class Environment(unittest.TestCase):
    def test_options(self) -> None:
        for text, expected in ((None, {}), ("", {}), ("{}", {}), ('{"bed": [0, 1]}', {"bed": [0, 1]})):
            variables = {} if text is None else {"VIGIA_WORKER_OPTIONS": text}
            with mock.patch.dict(os.environ, variables):
                self.assertEqual(vigia.options(), expected)
        for text in ("{", "[]", "1", "[" * 100_000):
            with mock.patch.dict(os.environ, {"VIGIA_WORKER_OPTIONS": text}), self.assertRaises(WorkerError) as caught:
                vigia.options()
            self.assertEqual(caught.exception.code, "bad_environment")

    def test_worker_input(self) -> None:
        self.assertIsNone(vigia.worker_input())
        with mock.patch.dict(os.environ, {"VIGIA_INPUT": "GRAY8 320x180"}):
            self.assertEqual(vigia.worker_input(), ("GRAY8", 320, 180))
        for text in ("", "GRAY8", "GRAY8 320", "gray8 320x180", "GRAY8 320x180 "):
            with mock.patch.dict(os.environ, {"VIGIA_INPUT": text}), self.assertRaises(WorkerError) as caught:
                vigia.worker_input()
            self.assertEqual(caught.exception.code, "bad_environment")

    def test_wants(self) -> None:
        self.assertEqual(_wants(None, None, None), {})
        self.assertEqual(_wants("I420", 2, 8192), {"format": "I420", "width": 2, "height": 8192})
        for wants in (("YUYV", 4, 4), ("GRAY8", 1, 4), (None, 4, 8193), ("NV12", 5, 4), ("I420", 4, 5)):
            with self.subTest(wants), self.assertRaises(ValueError):
                _wants(*wants)
        with self.assertRaises(TypeError):
            _wants(None, 4.5, None)


class PilingUp(WorkerCase):
    def test_neither_memory_nor_descriptors_nor_mappings(self) -> None:
        picture = Picture(1280, 720, "GRAY8", ((0, 1280),), PIXELS)
        for transport in ("stdin", "shm"):
            writer, worker = self.segment(picture, transport), self.start_ready(COUNTS, {"VIGIA_TRANSPORT": transport})
            said = []
            for seq in range(1, 3001):
                if transport == "stdin":
                    # Sizes differ from frame to frame, by the digits of numbers.
                    message = frame_message(seq, width=40, height=20, data=bytes(800))
                else:
                    if seq % 500 == 0:
                        writer.close()
                        writer = self.segment(picture, transport)
                    message = write(writer, picture, seq % 4, seq)
                data = worker.ask(message).get("data")
                said += [data] if data else []
            (descriptors, mappings, kib), after = said
            self.assertEqual(after[0], descriptors)
            self.assertLessEqual(after[1], mappings + 2)
            self.assertLess(after[2], kib + 3000)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_one_buffer_for_all_frames_unless_a_view_is_kept(self) -> None:
        worker = self.start_ready(BUFFERS)
        size = {"width": 1280, "height": 720, "data": bytes(PIXELS)}
        places = [worker.ask(frame_message(seq, **size))["data"] // 4096 for seq in range(1, 7)]
        self.assertEqual(len(set(places[:3])), 1)
        self.assertEqual(len(set(places[3:])), 1)
        self.assertNotEqual(places[2], places[3])


class Package(unittest.TestCase):
    def test_all_packages_are_named(self) -> None:
        with open(SDK / "pyproject.toml", encoding="utf-8") as file:
            text = file.read()
        for found in sorted((SDK / "vigia").rglob("__init__.py")):
            name = ".".join(found.parent.relative_to(SDK).parts)
            self.assertIn(f'"{name}"', text)
