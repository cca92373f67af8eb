"""MessagePack, and the golden vectors of docs/protocol/vectors/worker-messages.json."""

from __future__ import annotations

import json
import math
import random
import unittest
from typing import Any, Dict, List

from vigia.errors import ProtocolError
from vigia.worker._messages import Stop, clip, failure, heartbeat_sign, log_line, parse, ready, result
from vigia.worker._msgpack import DEPTH_LIMIT, Malformed, pack, unpack

from .worker_support import MESSAGES, frame_message

BITS = (5, 7, 8, 15, 16, 31, 32, 53)
EDGES = [sign * (2**bits + change) for bits in BITS for change in (-1, 0, 1) for sign in (1, -1)]


def load(data: bytes) -> Any:
    return unpack(memoryview(data))


def vectors(direction: str) -> List[Dict[str, Any]]:
    with open(MESSAGES, encoding="utf-8") as file:
        return [vector for vector in json.load(file) if vector["direction"] == direction]


def bytes_in(value: Any) -> Any:
    """The value that a vector's JSON stands for."""
    if isinstance(value, dict):
        if list(value) == ["$bytes"]:
            return bytes.fromhex(value["$bytes"])
        return {key: bytes_in(item) for key, item in value.items()}
    return [bytes_in(item) for item in value] if isinstance(value, list) else value


def random_value(random_: random.Random, depth: int) -> Any:
    kind = random_.randrange(8 if depth else 6)
    if kind < 3:
        return [None, random_.random() < 0.5, random_.choice(EDGES)][kind]
    if kind == 3:
        return random_.uniform(-1e9, 1e9)
    size = random_.choice((0, 1, 15, 16, 31, 32, 300))
    if kind == 4:
        return "".join(random_.choice("aß停🙂") for _ in range(size))
    if kind == 5:
        return random_.randbytes(size)
    items = [random_value(random_, depth - 1) for _ in range(size % 18)]
    return items if kind == 6 else {str(i): item for i, item in enumerate(items)}


class RoundTrips(unittest.TestCase):
    def test_random_values(self) -> None:
        for seed in range(300):
            value = random_value(random.Random(seed), 3)
            with self.subTest(seed):
                self.assertEqual(load(pack(value)), value)

    def test_every_width_of_numbers_and_sizes(self) -> None:
        numbers = [*EDGES, 0, -(2**63), 2**63, 2**64 - 1, 0.1, -math.inf, True, False]
        for value in numbers:
            read = load(pack(value))
            self.assertEqual((read, type(read)), (value, type(value)))
        for size in (0, 15, 16, 31, 32, 255, 256, 65_535, 65_536):
            for value in ("x" * size, b"x" * size, [7] * size, {str(i): i for i in range(size)}):
                self.assertEqual(load(pack(value)), value)

    def test_the_smallest_form_is_written(self) -> None:
        sizes = {0: 1, 127: 1, 128: 2, 255: 2, 256: 3, 65_536: 5, 2**32: 9, -32: 1, -33: 2, -129: 3, -(2**31) - 1: 9}
        self.assertEqual({value: len(pack(value)) for value in sizes}, sizes)

    def test_other_types_of_the_same_kind(self) -> None:
        self.assertEqual(load(pack((1, (2,), bytearray(b"a"), memoryview(b"b")))), [1, [2], b"a", b"b"])
        self.assertEqual(load(b"\xca\x3f\x00\x00\x00"), 0.5)

    def test_bytes_are_views_of_the_message(self) -> None:
        message = bytearray(pack({"data": b"abc"}))
        data = unpack(memoryview(message).toreadonly())["data"]
        self.assertTrue(data.readonly)
        message[-1] = ord("z")
        self.assertEqual(data, b"abz")

    def test_what_cannot_be_packed(self) -> None:
        for value in (object(), {1: 2}, {"a": {None: 1}}, [set()]):
            with self.subTest(value), self.assertRaises(TypeError):
                pack(value)
        endless: List[Any] = []
        endless.append(endless)
        for value in (2**64, -(2**63) - 1, "\ud800", endless):
            with self.subTest(type(value)), self.assertRaises(ValueError):
                pack(value)

    def test_depth(self) -> None:
        self.assertIsInstance(load(b"\x91" * (DEPTH_LIMIT - 1) + b"\x90"), list)
        for opening in (b"\x91", b"\x81\xa1k"):
            with self.assertRaisesRegex(Malformed, "nested deeper"):
                load(opening * (DEPTH_LIMIT + 1) + b"\xc0")


class Broken(unittest.TestCase):
    def test_cut_off_at_every_byte(self) -> None:
        numbers = [1, 300, 70_000, 2**40, -1, -200, -70_000, -(2**40), 0.5]
        value = {"a": numbers, "b": b"x" * 300, "c": "y" * 40, "d": {}}
        whole = pack(value)
        self.assertEqual(load(whole), value)
        for end in range(len(whole)):
            with self.assertRaises(Malformed, msg=str(end)):
                load(whole[:end])

    def test_vectors_cut_off_at_every_byte(self) -> None:
        for vector in vectors("to_worker"):
            body = bytes.fromhex(vector["bytes_hex"])[4:]
            for end in range(len(body)):
                with self.assertRaises(ProtocolError, msg=f"{vector['name']} {end}"):
                    parse(memoryview(body[:end]))

    def test_what_is_refused(self) -> None:
        for data, text in (
            (b"\xc1", "type 0xc1"),
            (b"\xd4\x01\x00", "type 0xd4"),
            (b"\xc7\x00\x00", "type 0xc7"),
            (b"\xa1\xff", "no UTF-8"),
            (b"\xa3\xed\xa0\x80", "no UTF-8"),
            (b"\x81\x01\x02", "a key that is no text"),
            (b"\x81\xc4\x01a\x02", "a key that is no text"),
            (b"\xc0\xc0", "1 bytes follow"),
            (b"\xdd\xff\xff\xff\xff", "it ends after 5 bytes"),
            (b"\xc6\xff\xff\xff\xff", "it ends after 5 bytes"),
        ):
            with self.subTest(data), self.assertRaisesRegex(Malformed, text):
                load(data)

    def test_any_byte_changed_is_read_or_refused(self) -> None:
        whole = bytearray(pack(frame_message(7)))
        for at in range(len(whole)):
            for value in range(0, 256, 5):
                changed = bytearray(whole)
                changed[at] = value
                try:
                    parse(memoryview(changed))
                except ProtocolError as error:
                    self.assertEqual(error.code, "bad_message")


class Vectors(unittest.TestCase):
    def test_all_are_read(self) -> None:
        for vector in (*vectors("to_worker"), *vectors("from_worker")):
            with self.subTest(vector["name"]):
                data = bytes.fromhex(vector["bytes_hex"])
                self.assertEqual(int.from_bytes(data[:4], "big"), len(data) - 4)
                self.assertEqual(load(data[4:]), bytes_in(vector["json"]))

    def test_all_are_written_byte_for_byte(self) -> None:
        for vector in (*vectors("to_worker"), *vectors("from_worker")):
            with self.subTest(vector["name"]):
                self.assertEqual(pack(bytes_in(vector["json"])).hex(), vector["bytes_hex"][8:])

    def test_what_a_worker_says(self) -> None:
        made = set()
        for vector in vectors("from_worker"):
            message = vector["json"]
            body = ours(message)
            if body is not None:
                made.add(message["type"])
                with self.subTest(vector["name"]):
                    self.assertEqual(body.hex(), vector["bytes_hex"][8:])
        self.assertEqual(made, {"ready", "result", "log", "heartbeat"})

    def test_frames(self) -> None:
        seen = 0
        for vector in vectors("to_worker"):
            message, frame = vector["json"], parse(memoryview(bytes.fromhex(vector["bytes_hex"])[4:]))
            with self.subTest(vector["name"]):
                if message["type"] == "stop":
                    self.assertIsInstance(frame, Stop)
                    continue
                seen += 1
                for field in ("camera_id", "seq", "captured_at", "age_ms", "pts_us", "width", "height", "format"):
                    self.assertEqual(getattr(frame, field), message[field])
                self.assertEqual(frame.captured_monotonic_ns, int(message["captured_monotonic_ns"]))
                if "data" in message:
                    self.assertEqual(frame.pixels, bytes.fromhex(message["data"]["$bytes"]))
                    continue
                for field in ("path", "slot", "offset", "byte_length"):
                    self.assertEqual(getattr(frame.pixels, field), message["ref"][field])
                for field in ("epoch", "generation"):
                    self.assertEqual(str(getattr(frame.pixels, field)), message["ref"][field])
                self.assertEqual([plane.stride for plane in frame.planes], message["ref"]["strides"])
        self.assertGreater(seen, 0)


class Messages(unittest.TestCase):
    def test_fields_that_cannot_be(self) -> None:
        place = {"slot": 0, "offset": 4096, "byte_length": 8, "strides": [4]}
        ref = {"path": "/x", "epoch": "3", "generation": "2", **place}
        self.assertIsNotNone(parse(memoryview(pack(frame_message(1, data=None, ref=ref)))))
        wrong_refs: List[Dict[str, Any]] = [
            {"path": 1},
            {"epoch": 3},
            {"slot": -1},
            {"generation": "3"},
            {"generation": "0"},
            {"generation": "x"},
            {"offset": -1},
            {"byte_length": 7},
            {"strides": [3]},
            {"strides": []},
            {"strides": [4, 4]},
            {"strides": 4},
            {"strides": ["4"]},
        ]
        changes: List[Dict[str, Any]] = [{"data": None, "ref": {**ref, **change}} for change in wrong_refs]
        changes += [
            {"seq": 0},
            {"seq": "1"},
            {"seq": True},
            {"seq": 1.5},
            {"width": 1},
            {"width": 8194},
            {"height": 4},
            {"format": "YUYV"},
            {"format": "NV12", "height": 3},
            {"captured_monotonic_ns": 12},
            {"captured_monotonic_ns": "-1"},
            {"age_ms": float("nan")},
            {"age_ms": "1"},
            {"captured_at": None},
            {"camera_id": 5},
            {"pts_us": None},
            {"data": "text"},
            {"data": b"1234567"},
            {"data": None},
            {"data": None, "ref": 1},
            {"data": None, "ref": ref, "format": "JPEG"},
            {"type": 5},
        ]
        for change in changes:
            with self.subTest(change), self.assertRaises(ProtocolError):
                message = {**frame_message(1), **change}
                parse(memoryview(pack({name: value for name, value in message.items() if value is not None})))
        for value in (None, 1, [], "stop"):
            with self.subTest(value), self.assertRaisesRegex(ProtocolError, "no map"):
                parse(memoryview(pack(value)))

    def test_what_is_not_known_is_ignored_and_whole_floats_are_integers(self) -> None:
        frame = parse(memoryview(pack(frame_message(2, pts_us=5e9, region={"x": [None]}))))
        self.assertEqual((frame.pts_us, type(frame.pts_us)), (5_000_000_000, int))

    def test_texts_are_cut_as_javascript_counts(self) -> None:
        self.assertEqual(clip("abc", 2), "ab")
        self.assertEqual(clip("🙂🙂", 4), "🙂🙂")
        self.assertEqual(clip("🙂🙂", 3), "🙂\ufffd")
        self.assertEqual(clip("a\ud800b", 9), "a\ufffdb")
        self.assertEqual(len(load(failure(1, "c" * 100, "🙂" * 5000))["error"]["message"]), 2048)
        self.assertEqual(load(failure(1, "", "x"))["error"]["code"], "worker_error")
        self.assertEqual(len(load(ready("n" * 200, {}))["name"]), 128)


def ours(message: Dict[str, Any]) -> Any:
    """The same message as this package makes it; None for forms that it does not use."""
    kind, fields = message["type"], set(message)
    if kind == "ready":
        return ready(message["name"], message.get("wants", {}))
    if kind == "log":
        return log_line(message["level"], message["message"])
    if kind == "heartbeat":
        return heartbeat_sign()
    if "error" not in fields:
        used = message.get("detections", [1])
        return result(message["seq"], message.get("detections", []), message.get("data")) if used else None
    error = message["error"]
    return failure(message["seq"], error["code"], error["message"]) if "code" in error else None
