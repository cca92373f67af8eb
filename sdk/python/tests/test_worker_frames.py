"""Workers on both transports: processes, pipes, segments."""

from __future__ import annotations

import unittest

from .picture import Picture
from .worker_support import Worker, WorkerCase, frame_message, framed, write

try:
    import numpy
except ImportError:
    numpy = None

ECHO = """
import vigia
for frame in vigia.frames():
    frame.result(data={"seq": frame.seq, "sum": sum(frame.pixels), "whole": frame.whole()})
"""
ATTRIBUTES = """
import time, vigia
for frame in vigia.frames():
    planes = [list(plane) for plane in frame.planes]
    before = time.monotonic_ns()
    age = before <= frame.captured_monotonic_ns + round(1e6 * frame.age_ms) <= time.monotonic_ns()
    facts = [frame.camera_id, frame.captured_at, frame.sent_age_ms, frame.pts_us]
    facts += [frame.width, frame.height, frame.format, frame.pixels.readonly, repr(frame)]
    frame.result(data={"facts": facts, "planes": planes, "age": age})
"""
ARRAYS = """
import vigia
for frame in vigia.frames():
    try:
        array = frame.array()
        values = [int(array.min()), int(array.max())]
        data = {"shape": array.shape, "values": values, "writeable": array.flags.writeable}
    except vigia.VigiaError as error:
        data = {"code": error.code}
    frame.result(data=data)
"""
SECOND_ANSWER = """
import vigia
for frame in vigia.frames():
    frame.result(data="first")
    codes = []
    for again in (lambda: frame.result(), lambda: frame.error("x")):
        try:
            again()
        except vigia.WorkerError as error:
            codes.append(error.code)
    vigia.log("info", " ".join(codes))
"""
FORGETS = """
import vigia
for frame in vigia.frames():
    if frame.seq % 2:
        frame.result(data="answered")
"""
LEAVES = """
import vigia
def look(frames):
    for frame in frames:
        if frame.seq == 1:
            break
        if frame.seq == 2:
            return
        if frame.seq == 3:
            raise KeyError
        if frame.seq == 4:
            frame.result(data="answered")
            break
loop = vigia.frames()
for _ in range(2):
    look(loop)
    vigia.log("info", "left")
try:
    look(loop)
except KeyError:
    vigia.log("info", "left")
look(loop)
vigia.log("info", "left")
look(loop)
vigia.log("info", "ended")
"""
LEAVES_IN_A_FORK = """
import os, vigia
for frame in vigia.frames():
    if os.fork() == 0:
        break
    os.wait()
    frame.result(data="parent")
"""
KEEPS_FRAMES = """
import vigia
kept = []
for frame in vigia.frames():
    kept.append(frame)
    out = []
    for old in kept:
        try:
            old.pixels
            out.append("pixels")
            old.whole()
        except vigia.LeaseError as error:
            out.append(error.code)
    frame.result(data=out)
"""
KEEPS_VIEWS = """
import vigia
views = []
for frame in vigia.frames():
    views.append(frame.pixels)
    frame.result(data=[view[0] for view in views])
"""
CORRECTS = """
import vigia
for frame in vigia.frames():
    try:
        frame.result([{"class_id": 0, "class_name": "x", "confidence": 2, "bbox": [0, 0, 1, 1]}])
    except vigia.WorkerError as error:
        frame.error(str(error), error.code)
"""
WAITS = """
import sys, vigia
for frame in vigia.frames():
    first = frame.pixels[0]
    vigia.log("info", "looking")
    while frame.whole():
        pass
    frame.result(data=first)
"""
GREY = Picture(4, 2, "GRAY8", ((0, 4),), 8)


class Stdin(WorkerCase):
    def test_ready_says_what_is_wanted(self) -> None:
        for call, expected in (
            ("", {"name": "-c"}),
            ("name='flow'", {"name": "flow"}),
            ("width=640", {"name": "-c", "wants": {"width": 640}}),
            (
                "format='NV12', width=640, height=360",
                {"name": "-c", "wants": {"format": "NV12", "width": 640, "height": 360}},
            ),
        ):
            with self.subTest(call):
                worker = self.start(f"import vigia\nfor frame in vigia.frames({call}): frame.result()")
                self.assertEqual(worker.answers(), {"type": "ready", "protocol": 1, **expected})
                worker.send({"type": "stop"})
                self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_frames_are_answered_until_stop(self) -> None:
        for sockets in (True, False):
            worker = self.start(ECHO, sockets=sockets)
            self.assertEqual(worker.answers()["type"], "ready")
            for seq in (1, 5, 255):
                answer = worker.ask(frame_message(seq))
                data = {"seq": seq, "sum": 8 * seq, "whole": True}
                self.assertEqual(answer, {"type": "result", "seq": seq, "data": data})
            worker.send({"type": "stop"})
            self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_what_a_frame_says(self) -> None:
        worker = self.start_ready(ATTRIBUTES)
        nv12 = {"width": 4, "height": 2, "format": "NV12", "data": bytes(12)}
        data = worker.ask(frame_message(3, **nv12))["data"]
        self.assertEqual(data["facts"][:4], ["hall", "2026-01-01T00:00:00.123Z", 12.5, 120_000])
        self.assertEqual(data["facts"][4:], [4, 2, "NV12", True, "<Frame 3 4x2 NV12>"])
        self.assertEqual((data["planes"], data["age"]), ([[0, 4], [8, 4]], True))
        jpeg = worker.ask(frame_message(4, format="JPEG", data=b"\xff\xd8"))["data"]
        self.assertEqual(jpeg["planes"], [])

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays(self) -> None:
        worker = self.start_ready(ARRAYS)
        for pixel_format, size, shape in (
            ("RGB24", 24, [2, 4, 3]),
            ("BGR24", 24, [2, 4, 3]),
            ("GRAY8", 8, [2, 4]),
            ("NV12", 12, [3, 4]),
            ("I420", 12, [3, 4]),
        ):
            data = worker.ask(frame_message(9, format=pixel_format, data=b"\x09" * size))["data"]
            self.assertEqual(data, {"shape": shape, "values": [9, 9], "writeable": False})
        jpeg = worker.ask(frame_message(9, format="JPEG", data=b"\xff\xd8\xff"))
        self.assertEqual(jpeg["data"], {"code": "no_array"})

    def test_arrays_without_numpy(self) -> None:
        worker = self.start_ready("import sys\nsys.modules['numpy'] = None\n" + ARRAYS)
        self.assertEqual(worker.ask(frame_message(1))["data"], {"code": "numpy_missing"})

    def test_a_second_answer_is_refused_where_it_is_given(self) -> None:
        worker = self.start_ready(SECOND_ANSWER)
        worker.send(frame_message(1))
        self.assertEqual(worker.says()["data"], "first")
        self.assertEqual(worker.says(), {"type": "log", "level": "info", "message": "frame_answered frame_answered"})
        self.assertEqual(worker.ask(frame_message(2))["seq"], 2)

    def test_a_frame_without_an_answer_gets_one(self) -> None:
        worker = self.start_ready(FORGETS)
        self.assertEqual(worker.ask(frame_message(1))["data"], "answered")
        self.assert_error(worker.ask(frame_message(2)), 2, "no_result", "asked for the next frame without an answer")
        self.assertEqual(worker.ask(frame_message(3))["data"], "answered")
        worker.send(frame_message(4), {"type": "stop"})
        self.assert_error(worker.answers(), 4, "no_result")
        self.assertEqual(worker.ends(), 0)

    def test_leaving_the_loop_is_an_answer(self) -> None:
        worker = self.start_ready(LEAVES)
        left = {"type": "log", "level": "info", "message": "left"}
        for seq in (1, 2, 3):
            worker.send(frame_message(seq))
            self.assert_error(worker.says(), seq, "no_result", "left its loop without an answer")
            self.assertEqual(worker.says(), left)
        worker.send(frame_message(4))
        self.assertEqual(worker.says()["data"], "answered")
        self.assertEqual(worker.says(), left)
        worker.send({"type": "stop"})
        self.assertEqual(worker.says()["message"], "ended")
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_a_fork_that_leaves_the_loop_says_nothing(self) -> None:
        worker = self.start_ready(LEAVES_IN_A_FORK)
        self.assertEqual(worker.ask(frame_message(1))["data"], "parent")
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_a_wrong_result_is_a_typed_error_in_the_loop(self) -> None:
        worker = self.start_ready(CORRECTS)
        self.assert_error(worker.ask(frame_message(1)), 1, "bad_result", "confidence has 2.0")

    def test_old_frames_have_no_pixels(self) -> None:
        worker = self.start_ready(KEEPS_FRAMES)
        self.assertEqual(worker.ask(frame_message(1))["data"], ["pixels"])
        self.assertEqual(worker.ask(frame_message(2))["data"], ["lease_released", "pixels"])

    def test_kept_views_keep_their_picture(self) -> None:
        worker = self.start_ready(KEEPS_VIEWS)
        for seq in range(1, 6):
            self.assertEqual(worker.ask(frame_message(seq))["data"], list(range(1, seq + 1)))

    def test_a_large_frame_sent_in_pieces(self) -> None:
        worker = self.start_ready(ECHO)
        size = {"width": 1920, "height": 1080, "format": "RGB24", "data": bytes([3]) * (1920 * 1080 * 3)}
        for seq in (1, 2):
            self.assertEqual(worker.ask(frame_message(seq, **size))["data"]["sum"], 3 * 1920 * 1080 * 3)


class SharedMemory(WorkerCase):
    def test_frames_in_shared_memory(self) -> None:
        writer, worker = self.segment(GREY), self.start_ready(ECHO, {"VIGIA_TRANSPORT": "shm"})
        for seq in range(1, 10):
            answer = worker.ask(write(writer, GREY, seq % 4, seq))
            self.assertEqual(answer["data"], {"seq": seq, "sum": 8 * seq, "whole": True})
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.log), (0, ""))

    def test_all_formats(self) -> None:
        worker = self.start_ready(ATTRIBUTES, {"VIGIA_TRANSPORT": "shm"})
        for pixel_format, planes, size, expected in (
            ("RGB24", ((0, 12),), 24, [[0, 12]]),
            ("NV12", ((0, 4), (8, 4)), 12, [[0, 4], [8, 4]]),
            ("I420", ((0, 4), (8, 2), (10, 2)), 12, [[0, 4], [8, 2], [10, 2]]),
            ("GRAY8", ((0, 16),), 32, [[0, 16]]),
        ):
            picture = Picture(4, 2, pixel_format, planes, size)
            data = worker.ask(write(self.segment(picture, pixel_format), picture, 1, 7))["data"]
            self.assertEqual((data["facts"][6:8], data["planes"]), ([pixel_format, True], expected))

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays_with_padding(self) -> None:
        picture = Picture(4, 2, "GRAY8", ((0, 16),), 32)
        worker = self.start_ready(ARRAYS, {"VIGIA_TRANSPORT": "shm"})
        data = worker.ask(write(self.segment(picture), picture, 0, 5))["data"]
        self.assertEqual(data, {"shape": [2, 4], "values": [5, 5], "writeable": False})

    def test_a_new_epoch_is_mapped_anew(self) -> None:
        worker = self.start_ready(ECHO, {"VIGIA_TRANSPORT": "shm"})
        for seq in (1, 2, 3):
            writer = self.segment(GREY)
            self.assertEqual(worker.ask(write(writer, GREY, 0, seq))["data"]["sum"], 8 * seq)
            with open(f"/proc/{worker.process.pid}/maps") as maps:
                self.assertEqual(sum(writer.path in line for line in maps), 1)
            writer.close()

    def test_a_frame_that_is_written_over_has_no_result(self) -> None:
        writer, worker = self.segment(GREY), self.start_ready(WAITS, {"VIGIA_TRANSPORT": "shm"})
        worker.send(write(writer, GREY, 0, 1))
        self.assertEqual(worker.says()["type"], "log")
        write(writer, GREY, 0, 2)
        self.assert_error(worker.answers(), 1, "frame_changed", "written over before the answer")

    def test_pixels_that_cannot_be_reached_are_an_answer(self) -> None:
        writer, worker = self.segment(GREY), self.start_ready(ECHO, {"VIGIA_TRANSPORT": "shm"})
        good = write(writer, GREY, 1, 1)
        end = writer.data + writer.slots * writer.stride
        for change, code in (
            ({"path": writer.path + "_"}, "frame_not_found"),
            ({"path": "/dev/null"}, "frame_invalid"),
            ({"path": __file__}, "frame_invalid"),
            ({"epoch": str(writer.epoch + 2)}, "frame_not_found"),
            ({"slot": 4}, "frame_invalid"),
            ({"slot": 0}, "frame_invalid"),
            ({"offset": 0}, "frame_invalid"),
            ({"offset": end - 4}, "frame_invalid"),
            ({"offset": 2**53 - 1}, "frame_invalid"),
        ):
            with self.subTest(change):
                answer = worker.ask({**good, "ref": {**good["ref"], **change}})
                self.assert_error(answer, 1, code)
        self.assertEqual(worker.ask(good)["data"]["sum"], 8)

    def test_a_kept_view_survives_its_segment(self) -> None:
        worker = self.start_ready(KEEPS_VIEWS, {"VIGIA_TRANSPORT": "shm"})
        for seq in (1, 2):
            writer = self.segment(GREY)
            self.assertEqual(worker.ask(write(writer, GREY, 0, seq))["data"], list(range(1, seq + 1)))
            writer.close()


class Broken(WorkerCase):
    def ends_with(self, worker: Worker, text: str) -> None:
        self.assertEqual(worker.ends(), 1)
        self.assertIn("ProtocolError", worker.log)
        self.assertIn(text, worker.log)

    def test_the_end_of_input_is_a_quiet_end(self) -> None:
        for rest in (b"", b"\0\0", framed(b"x" * 100)[:50]):
            worker = self.start_ready(ECHO)
            worker.send_bytes(rest)
            worker.end_input()
            self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_a_host_that_reads_no_more_is_a_quiet_end(self) -> None:
        for sockets in (True, False):
            worker = self.start(ECHO, sockets=sockets)
            self.assertEqual(worker.answers()["type"], "ready")
            worker.end_output()
            worker.send(frame_message(1))
            self.assertEqual((worker.ends(), worker.log), (0, ""))

    def test_what_a_later_version_may_say_is_passed_over(self) -> None:
        worker = self.start_ready(ECHO)
        worker.send({"type": "weather", "rain": True})
        self.assertEqual(worker.ask(frame_message(7))["seq"], 7)

    def test_what_is_not_of_the_protocol(self) -> None:
        for data, text in (
            (b"\xff\xff\xff\xff", "a message of 4294967295 bytes was announced"),
            (b"\x08\x00\x00\x01", "at most 134217728 are allowed"),
            (framed(b""), "it ends after 0 bytes"),
            (framed(b"\xc1"), "no MessagePack"),
            (framed(b"\x80"), "the message has no type"),
        ):
            with self.subTest(text):
                worker = self.start_ready(ECHO)
                worker.send_bytes(data)
                self.ends_with(worker, text)
