"""Where frames may come from, and how they are converted."""

from __future__ import annotations

import os
import tempfile
import unittest
import unittest.mock
from typing import Any, List, Sequence, Tuple

from vigia import Plane, VigiaError
from vigia.container import Frame
from vigia.container._frames import FRAME_BYTES_LIMIT, MAX_SEGMENTS, ConnectionFrames
from vigia.container._messages import InferRequest, Message, parse_request
from vigia.container._pixels import packed_layout, rgb_bytes
from vigia.container._references import FrameProblem, FrameRoots

from .container_support import ContainerCase, GatedModel, encoded, infer, shm_path
from .picture import Picture
from .segment_writer import SegmentWriter
from .support import without_numpy

try:
    import numpy
except ImportError:
    numpy = None

SMALL = Picture(2, 2, "RGB24", ((0, 6),), 12)


def mapped() -> int:
    """Files of the tests that this process maps."""
    with open("/proc/self/maps") as maps:
        return sum(shm_path("") in line for line in maps)


class FramesCase(ContainerCase):
    def setUp(self) -> None:
        super().setUp()
        self.allowed = os.path.join(self.dir, "allowed")
        os.mkdir(self.allowed)
        self.frames = ConnectionFrames(FrameRoots([self.allowed]))

    def write(self, name: str, content: bytes = bytes(range(12))) -> str:
        path = os.path.join(self.dir, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def copy(self, reference: str, metadata: Message = {}) -> Frame:  # noqa: B006
        request = parse_request(encoded(infer("a", reference, metadata))[4:], "m")
        assert isinstance(request, InferRequest), request
        return self.frames.copy(request)

    def refused(self, reference: str, metadata: Message = {}) -> Tuple[str, str]:  # noqa: B006
        with self.assertRaises(FrameProblem) as caught:
            self.copy(reference, metadata)
        return caught.exception.code, caught.exception.message


class PlainFiles(FramesCase):
    def test_links_that_stay_inside_are_followed(self) -> None:
        inside = self.write("allowed/ok.rgb")
        os.symlink(inside, os.path.join(self.allowed, "inner"))
        os.link(inside, os.path.join(self.allowed, "hard"))
        for path in (inside, f"{self.allowed}/inner", f"{self.allowed}/hard", f"/{self.frame}", self.frame):
            with self.subTest(path):
                frame = self.copy(path)
                self.assertEqual((bytes(frame.pixels), frame.rgb()), (bytes(range(12)),) * 2)
                self.assertEqual((frame.frame_id, frame.width, frame.height, frame.format), (7, 2, 2, "RGB24"))

    def test_what_leads_out_or_is_no_file_is_refused(self) -> None:
        secret = self.write("secret.rgb")
        self.write("allowed/short", bytes(11))
        self.write("allowed/long", bytes(13))
        self.write("allowed/ok.rgb")
        os.symlink(secret, f"{self.allowed}/link")
        os.symlink(self.dir, f"{self.allowed}/folder")
        os.symlink("nowhere", f"{self.allowed}/dangling")
        os.symlink(f"{self.dir}/nowhere", f"{self.allowed}/dangling-out")
        os.symlink("loop", f"{self.allowed}/loop")
        os.mkfifo(f"{self.allowed}/pipe")
        for name, code in (
            *(
                (name, "frame_invalid")
                for name in ("link", "folder/secret.rgb", "../secret.rgb", "dangling-out", "loop")
            ),
            *((name, "frame_invalid") for name in ("short", "long", "pipe", "", ".", "ok.rgb/below", "x" * 300)),
            *((name, "frame_not_found") for name in ("none", "dangling", "none/below")),
        ):
            with self.subTest(name):
                self.assertEqual(self.refused(f"{self.allowed}/{name}")[0], code)

    def test_what_is_outside_is_not_looked_at(self) -> None:
        outside = (
            "/etc/passwd",
            "/etc/none",
            "relative",
            "/dev/shm",
            "/proc/self/mem",
            "/dev/shm/../shm/x",
            "/dev/shmx",
        )
        for path in (*outside, f"{self.allowed}x/y", "/dev/shm/a\0b", "/dev/null", "/dev/shm/."):
            with self.subTest(path):
                code, message = self.refused(path)
                self.assertEqual(code, "frame_invalid")
                self.assertIn("the frame reference", message)

    def test_a_folder_that_becomes_a_link_after_the_look_is_noticed(self) -> None:
        """The kernel is asked which file was opened: here the folder is swapped between the check and the opening."""
        os.mkdir(f"{self.allowed}/inner")
        self.write("allowed/inner/f")
        os.mkdir(f"{self.dir}/out")
        self.write("out/f")
        real = os.path.realpath

        def swap(path: str) -> str:
            resolved = real(path)
            os.rename(f"{self.allowed}/inner", f"{self.dir}/away")
            os.symlink(f"{self.dir}/out", f"{self.allowed}/inner")
            return resolved

        with unittest.mock.patch("os.path.realpath", swap):
            self.assertEqual(self.refused(f"{self.allowed}/inner/f")[0], "frame_invalid")

    def test_sizes_are_announced_for_nothing(self) -> None:
        code, message = self.refused(self.frame, {"width": 16384, "height": 16384})
        self.assertEqual(code, "frame_invalid")
        self.assertIn(f"at most {FRAME_BYTES_LIMIT}", message)
        code, message = self.refused(self.frame, {"width": 3, "height": 2})
        self.assertIn("has 12 bytes, one packed frame has 18", message)
        self.assertEqual(self.refused(self.frame, {"offset": 0})[0], "frame_invalid")
        self.assertEqual(self.refused(self.frame, {"strides": [8]})[0], "frame_invalid")
        self.assertEqual(self.refused(self.frame, {"strides": [6, 6]})[0], "frame_invalid")
        self.assertEqual(self.copy(self.frame, {"strides": [6]}).width, 2)

    def test_all_formats_and_odd_sizes(self) -> None:
        for pixel_format in ("NV12", "I420", "RGB24", "BGR24", "GRAY8"):
            for width, height in ((1, 1), (3, 5), (16384, 1), (1, 16384), (4, 2)):
                with self.subTest(pixel_format, width=width, height=height):
                    size = packed_layout(pixel_format, width, height)[1]
                    path = self.file("odd", bytes(size))
                    frame = self.copy(path, {"format": pixel_format, "width": width, "height": height})
                    self.assertEqual(len(frame.rgb()), 3 * width * height)
                    path = self.file("odd", bytes(size + 1))
                    shape = {"format": pixel_format, "width": width, "height": height}
                    self.assertEqual(self.refused(path, shape)[0], "frame_invalid")
        half = packed_layout("NV12", 3, 5)
        self.assertEqual(half, ((Plane(0, 3), Plane(15, 4)), 27))
        self.assertEqual(packed_layout("I420", 3, 5)[1], 15 + 2 * 6)

    def test_a_folder_that_is_not_there_cannot_be_allowed(self) -> None:
        with self.assertRaises(ValueError):
            FrameRoots([f"{self.dir}/none"])


class Slots(FramesCase):
    def put(self, writer: Any, picture: Picture, slot: int = 1, frame_id: int = 7) -> Message:
        writer.begin(slot)
        writer.write_pixels(slot, picture.pixels(frame_id))
        generation = writer.commit(slot, frame_id, picture.stamp(0))
        shape = {"width": picture.width, "height": picture.height, "format": picture.format, "frame_id": frame_id}
        return {**shape, "slot": slot, "generation": str(generation), "epoch": str(writer.epoch)}

    def test_a_slot_is_copied_until_it_holds_another_frame(self) -> None:
        writer = self.segment("ring", SMALL)
        first = self.put(writer, SMALL)
        # The segment determines its location: a wrong offset is ignored.
        frame = self.copy(writer.path, {**first, "offset": 5, "strides": [6]})
        self.assertEqual((frame.rgb(), frame.frame_id), (b"\x07" * 12, 7))
        second = self.put(writer, SMALL, frame_id=8)
        self.assertEqual(frame.rgb(), b"\x07" * 12)
        self.assertEqual(self.refused(writer.path, first)[0], "frame_expired")
        self.assertEqual(self.copy(writer.path, second).rgb(), b"\x08" * 12)
        writer.begin(1)
        self.assertEqual(self.refused(writer.path, second)[0], "frame_expired")

    def test_a_slot_that_is_rewritten_during_the_copy_is_expired(self) -> None:
        writer = self.segment("ring", SMALL)
        asked = self.put(writer, SMALL)
        self.copy(writer.path, asked)
        kept = self.frames._segments[writer.path]
        pixels = kept.pixels

        def overtaken(slot: int, length: int) -> memoryview:
            self.put(writer, SMALL, frame_id=9)
            return pixels(slot, length)

        with unittest.mock.patch.object(kept, "pixels", overtaken):
            self.assertEqual(self.refused(writer.path, asked)[0], "frame_expired")

    def test_what_contradicts_the_slot_is_invalid(self) -> None:
        writer = self.segment("ring", SMALL)
        right = self.put(writer, SMALL)
        for wrong in (
            *({"width": 3}, {"height": 1}, {"format": "BGR24"}, {"frame_id": 8}, {"strides": [8]}, {"strides": [6, 1]}),
            *({"slot": 4}, {"slot": 4095}, {"generation": "0"}, {"generation": "3"}, {"generation": "9" * 19 + "1"}),
        ):
            with self.subTest(wrong):
                self.assertEqual(self.refused(writer.path, {**right, **wrong})[0], "frame_invalid")
        for missing in ("generation", "epoch"):
            incomplete = {name: value for name, value in right.items() if name != missing}
            self.assertEqual(self.refused(writer.path, incomplete)[0], "frame_invalid")
        self.assertEqual(self.refused(writer.path, {**right, "generation": "4"})[0], "frame_expired")
        self.assertEqual(self.refused(writer.path, {**right, "slot": 2})[0], "frame_expired")

    def test_what_a_slot_cannot_hold_is_invalid(self) -> None:
        picture = Picture(2, 2, "RGB24", ((0, 6),), 12)
        writer = self.segment("ring", picture)
        for broken in (
            Picture(2, 2, "RGB24", ((8, 6),), 12),
            Picture(2, 2, "RGB24", ((0, 5),), 12),
            Picture(2, 2, "RGB24", ((0, 6),), 8192),
            Picture(2, 2, "NV12", ((0, 6),), 12),
        ):
            asked = {**self.put(writer, picture), "format": broken.format}
            writer.memory[4096 + 128 + 16 : 4096 + 128 + 84] = broken.stamp(0)
            with self.subTest(broken):
                self.assertEqual(self.refused(writer.path, asked)[0], "frame_invalid")

    def test_another_creation_of_the_segment_is_expired_and_its_successor_is_found(self) -> None:
        writer = self.segment("ring", SMALL)
        old = self.put(writer, SMALL)
        self.copy(writer.path, old)
        os.unlink(writer.path)
        self.addCleanup(lambda: open(writer.path, "a").close())  # the first one removes that name too
        self.assertEqual(self.copy(writer.path, old).frame_id, 7, "its mapping is kept")
        after = self.segment("ring", SMALL)
        new = self.put(after, SMALL, frame_id=9)
        self.assertEqual(self.copy(after.path, new).frame_id, 9)
        self.assertEqual(self.refused(after.path, old)[0], "frame_expired")
        self.assertEqual(self.frames.mapped, 0)
        self.assertEqual(self.copy(after.path, new).frame_id, 9)
        self.assertEqual(self.refused(after.path, {**new, "epoch": "1" * 20})[0], "frame_expired")

    def test_what_is_no_segment_is_invalid_and_nothing_is_not_found(self) -> None:
        asked = {"slot": 0, "generation": "2", "epoch": "1"}
        for content in (b"", bytes(100), bytes(8192), b"VIGIAFRM" + bytes(8184)):
            with self.subTest(content[:8]):
                self.assertEqual(self.refused(self.file("fake", content), asked)[0], "frame_invalid")
        self.assertEqual(self.refused(shm_path("none"), asked)[0], "frame_not_found")
        self.assertEqual(self.refused("/etc/passwd", asked)[0], "frame_invalid")

    def test_mappings_are_bounded_and_end_with_their_connection(self) -> None:
        for i in range(MAX_SEGMENTS + 3):
            writer = SegmentWriter(shm_path(f"ring{i}"), 4, SMALL.byte_length)
            self.copy(writer.path, self.put(writer, SMALL))
            # Its own mapping must not count; the name goes with the test.
            writer.words.close()
            writer.memory.close()
        self.assertEqual(self.frames.mapped, MAX_SEGMENTS)
        self.assertEqual(mapped(), MAX_SEGMENTS)
        del self.frames
        self.assertEqual(mapped(), 0)

    def test_a_connection_that_ends_unmaps_what_it_had(self) -> None:
        self.start(GatedModel())
        writer = SegmentWriter(shm_path("ring"), 4, SMALL.byte_length)
        asked = infer("a", writer.path, self.put(writer, SMALL))
        writer.words.close()
        writer.memory.close()
        client = self.client()
        self.assertIsNone(client.ask(asked)["error"])
        self.assertEqual(mapped(), 1)
        client.close()
        self.eventually(lambda: mapped() == 0)

    def test_padded_planes(self) -> None:
        # 4×2 in lines of 8 bytes, chroma of 6.
        lines = bytes([81, 145, 41, 235, 9, 9, 9, 9]) * 2 + bytes([90, 240, 54, 34, 9, 9])
        picture = Picture(4, 2, "NV12", ((0, 8), (16, 6)), 22, lambda _: lines)
        writer = self.segment("ring", picture)
        frame = self.copy(writer.path, {**self.put(writer, picture), "strides": [8, 6]})
        packed = bytes([81, 145, 41, 235]) * 2 + bytes([90, 240, 54, 34])
        planes = packed_layout("NV12", 4, 2)[0]
        self.assertEqual(frame.rgb(), Frame(bytearray(packed), "NV12", 4, 2, planes).rgb())
        self.assertEqual([plane.stride for plane in frame.planes], [8, 6])


class Colours(unittest.TestCase):
    """Worked out by hand from BT.601, limited range."""

    def rgb(self, pixel_format: str, width: int, height: int, pixels: Sequence[int]) -> List[int]:
        planes, size = packed_layout(pixel_format, width, height)
        self.assertEqual(len(pixels), size)
        frame = Frame(bytearray(pixels), pixel_format, width, height, planes)
        plain = list(rgb_bytes(bytearray(pixels), pixel_format, width, height, planes))
        self.assertEqual(list(frame.rgb()), plain, "with and without numpy")
        if numpy is not None:
            self.assertEqual(frame.array().ravel().tolist(), plain)
            self.assertEqual(frame.array().shape, (height, width, 3))
        return plain

    def test_known_colours(self) -> None:
        for y, u, v, rgb in (
            *((16, 128, 128, (0, 0, 0)), (235, 128, 128, (255, 255, 255)), (126, 128, 128, (128, 128, 128))),
            *((81, 90, 240, (254, 0, 0)), (145, 54, 34, (0, 255, 1)), (41, 240, 110, (0, 0, 255))),
            *((0, 128, 128, (0, 0, 0)), (255, 128, 128, (255, 255, 255)), (255, 255, 255, (255, 125, 255))),
        ):
            with self.subTest(y=y, u=u, v=v):
                found = self.rgb("NV12", 2, 2, [y] * 4 + [u, v])
                self.assertEqual(found, self.rgb("I420", 2, 2, [y] * 4 + [u, v]))
                for got, expected in zip(found, rgb * 4):
                    self.assertAlmostEqual(got, expected, delta=1)

    def test_each_chroma_sample_serves_its_square(self) -> None:
        black, grey = (0, 0, 0), (130, 130, 130)
        luma = [16, 128, 16, 128, 128, 128, 16, 16, 128]
        same = self.rgb("I420", 3, 3, luma + [128] * 8)
        self.assertEqual([tuple(same[i : i + 3]) for i in (0, 3, 24)], [black, grey, grey])
        mixed = self.rgb("NV12", 3, 3, [128] * 9 + [128, 200, 128, 128, 128, 128, 128, 200])
        red = [mixed[3 * i] > 200 for i in range(9)]
        self.assertEqual(red, [True, True, False, True, True, False, False, False, True])

    def test_packed_formats(self) -> None:
        self.assertEqual(self.rgb("RGB24", 2, 1, [1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.rgb("BGR24", 2, 1, [1, 2, 3, 4, 5, 6]), [3, 2, 1, 6, 5, 4])
        self.assertEqual(self.rgb("GRAY8", 3, 1, [1, 2, 255]), [1, 1, 1, 2, 2, 2, 255, 255, 255])

    def test_lines_with_padding(self) -> None:
        for pixel_format, length in (("RGB24", 6), ("BGR24", 6), ("GRAY8", 2)):
            line = bytes(range(1, length + 1))
            packed = Frame(bytearray(line * 2), pixel_format, 2, 2, (Plane(0, length),))
            padded_bytes = bytearray(b"xx" + (line + b"xxx") * 2)
            padded = Frame(padded_bytes, pixel_format, 2, 2, (Plane(2, length + 3),))
            self.assertEqual(padded.rgb(), packed.rgb())
            self.assertEqual(rgb_bytes(padded_bytes, pixel_format, 2, 2, padded.planes), packed.rgb())

    @unittest.skipIf(numpy is None, "numpy is not there")
    def test_every_value_is_the_same_with_and_without_numpy(self) -> None:
        pixels = bytearray(os.urandom(64 * 64 * 3 // 2))
        for pixel_format in ("NV12", "I420"):
            self.rgb(pixel_format, 64, 64, pixels)

    def test_the_array(self) -> None:
        frame = Frame(bytearray(12), "BGR24", 2, 2, (Plane(0, 6),))
        with without_numpy(), self.assertRaises(VigiaError) as caught:
            frame.array()
        self.assertEqual(caught.exception.code, "numpy_missing")
        with without_numpy():
            self.assertEqual(frame.rgb(), bytes(12))
        if numpy is not None:
            frame.array()[0, 0] = 9
            self.assertIs(frame.array(), frame.array())
            self.assertEqual((frame.rgb(), bytes(frame.pixels)), (bytes(12),) * 2)
        with self.assertRaises(TypeError):
            frame.pixels[0] = 1
        self.assertIn("2x2 BGR24", repr(frame))


class Sizes(ContainerCase):
    def test_another_size_than_declared_is_refused_with_both(self) -> None:
        self.start(GatedModel())
        answer = self.client().ask(infer("a", self.frame, {"width": 4, "height": 1}))
        self.assert_error(answer, "frame_invalid", "the frame is 4x1, this model takes 2x2")

    def test_any_size_where_that_was_said(self) -> None:
        model = GatedModel()
        self.start(model, any_size=True)
        client = self.client()
        self.assertIsNone(client.ask(infer("a", self.frame, {"width": 4, "height": 1}))["error"])
        self.assertIsNone(client.ask(infer("a", self.frame, {"width": 4, "height": 2, "format": "NV12"}))["error"])
        self.assertEqual([(frame.width, frame.height) for frame in model.frames], [(2, 2), (4, 1), (4, 2)])

    def test_an_allowed_folder(self) -> None:
        self.start(GatedModel(), allow_dirs=[self.dir])
        with open(os.path.join(self.dir, "frame"), "wb") as file:
            file.write(bytes(12))
        client = self.client()
        self.assertIsNone(client.ask(infer("a", file.name))["error"])
        with tempfile.NamedTemporaryFile(dir="/tmp") as other:
            self.assert_error(client.ask(infer("a", other.name)), "frame_invalid", "is outside")
