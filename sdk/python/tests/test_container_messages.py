"""Cutting, reading and making messages, against the golden vectors and the rules of the schemas."""

from __future__ import annotations

import json
import unittest
from typing import Any, Dict, List

from vigia.container._messages import (
    MESSAGE_LIMIT,
    Cutter,
    InferRequest,
    Invalid,
    Message,
    StateRequest,
    TurnRequest,
    Unreadable,
    encode,
    infer_error,
    parse_request,
)

from .container_support import MESSAGES, encoded, infer, want

BASE = infer("hall", "/dev/shm/x", request_id="7")
SLOT = {"slot": 1, "generation": "22", "epoch": "18347208921563918619"}


def vectors(direction: str) -> List[Dict[str, Any]]:
    with open(MESSAGES, encoding="utf-8") as file:
        found = json.load(file)
    return [each for each in (found if isinstance(found, list) else found["vectors"]) if each["direction"] == direction]


def parse(message: object) -> object:
    return parse_request(encoded(message)[4:], "m")


class Vectors(unittest.TestCase):
    def test_requests_are_read(self) -> None:
        found = vectors("to_container")
        self.assertGreaterEqual(len(found), 8)
        for vector in found:
            with self.subTest(vector["name"]):
                cutter = Cutter()
                cutter.feed(bytes.fromhex(vector["bytes_hex"]))
                payload = cutter.take()
                assert payload is not None
                request, said = parse_request(payload, "m"), vector["json"]
                self.assertEqual(cutter.buffered, 0)
                self.assertNotIsInstance(request, Invalid)
                self.assertEqual(request.request_id, said.get("request_id"))  # type: ignore[union-attr]
                if isinstance(request, InferRequest):
                    self.check_infer(request, said)
                elif isinstance(request, TurnRequest):
                    self.assertEqual(request, TurnRequest(request.op, *(said.get(name) for name in TURN_FIELDS)))

    def check_infer(self, request: InferRequest, said: Message) -> None:
        for name in ("model_id", "camera_id", "frame_reference", "grant", "deadline_ms"):
            self.assertEqual(getattr(request, name), said.get(name))
        for name, value in said["frame_metadata"].items():
            if name not in ("captured_monotonic_ns", "rendition"):
                read = getattr(request.frame_metadata, name)
                read = str(read) if isinstance(value, str) else list(read) if isinstance(value, list) else read
                self.assertEqual(read, value, name)

    def test_answers_are_made_byte_for_byte(self) -> None:
        found = vectors("from_container")
        self.assertGreaterEqual(len(found), 9)
        for vector in found:
            with self.subTest(vector["name"]):
                self.assertEqual(encode(vector["json"]).hex(), vector["bytes_hex"])

    def test_every_code_has_one(self) -> None:
        errors = [vector["json"]["error"] for vector in vectors("from_container")]
        self.assertEqual({error["code"] for error in errors if error}, set(CODES))


TURN_FIELDS = ("request_id", "model_id", "camera_id", "consumer")
CODES = (
    "bad_request unknown_model frame_not_found frame_expired frame_invalid overloaded grant_expired "
    "deadline_exceeded inference_failed"
).split()


class Reading(unittest.TestCase):
    def test_what_is_allowed(self) -> None:
        for message in (
            BASE,
            {**BASE, "op": "infer", "grant": "", "deadline_ms": 0.1, "more": None},
            *({**BASE, "faint_from": value} for value in (0.05, 0.3, 1)),
            infer("c", "/x", {**SLOT, "offset": 0, "strides": [6], "rendition": "", "captured_monotonic_ns": "0"}),
            infer("\U0001f600" * 64, "/x"),
            infer("c" * 128, "/" * 512, {"width": 16384, "height": 16384, "slot": 4095, "strides": []}),
            {**BASE, "request_id": "r" * 64, "timestamp": -1.5e300},
        ):
            with self.subTest(message):
                self.assertIsInstance(parse(message), InferRequest)
        self.assertEqual(parse({"op": "health"}), StateRequest("health", None))
        self.assertEqual(parse(want("a", "1", "unwant")), TurnRequest("unwant", "1", "m", "a", "people"))

    def test_numbers_without_a_fraction_are_integers(self) -> None:
        raw = json.dumps(BASE).replace('"frame_id": 7', '"frame_id": 7.0').replace('"width": 2', '"width": 0.2e1')
        request = parse(raw.encode())
        assert isinstance(request, InferRequest)
        self.assertEqual((request.frame_metadata.frame_id, request.frame_metadata.width), (7, 2))
        self.assertIs(type(request.frame_metadata.frame_id), int)

    def test_a_wrong_field_is_named(self) -> None:
        for path, value in (
            *(("request_id", bad) for bad in ("", "r" * 65, 7, None, "\U0001f600" * 65)),
            *(("model_id", bad) for bad in ("", "m" * 129, 7, ...)),
            *(("camera_id", bad) for bad in ("", "c" * 129, [], ..., "\U0001f600" * 129)),
            *(("timestamp", bad) for bad in ("1", True, None, ...)),
            *(("deadline_ms", bad) for bad in (0, -1, "5", False, None)),
            *(("frame_reference", bad) for bad in ("", "/" * 513, 1, ...)),
            *(("grant", bad) for bad in ("g" * 65, 1, None)),
            *(("faint_from", bad) for bad in (0, 0.049, 1.01, -1, "0.2", True, None)),
            *(("frame_metadata", bad) for bad in (1, [], "x", None, ...)),
            ("op", None),
        ):
            with self.subTest(path, value=value):
                self.check_bad({**BASE, path: value}, path)

    def test_a_wrong_field_of_the_frame_is_named(self) -> None:
        for path, value in (
            *(("frame_id", bad) for bad in (-1, 1.5, True, "7", 2**53, 10**30, None, ...)),
            *((side, bad) for side in ("width", "height") for bad in (0, 16385, 2.5, True, "2", None, ...)),
            *(("format", bad) for bad in ("rgb24", "JPEG", 3, None, ..., ["RGB24"])),
            *(("slot", bad) for bad in (-1, 4096, 0.5, False, "1", None)),
            *((name, bad) for name in ("generation", "epoch", "captured_monotonic_ns") for bad in UNSIGNED_WRONG),
            *(("offset", bad) for bad in (-1, "0", None)),
            *(("strides", bad) for bad in (6, [0], [1.5], [True], ["6"], [1, 1, 1, 1], None, {})),
            *(("rendition", bad) for bad in ("r" * 129, 1, None)),
        ):
            with self.subTest(path, value=value):
                frame = {**BASE["frame_metadata"], path: value}
                self.check_bad({**BASE, "frame_metadata": frame}, f"frame_metadata.{path}")

    def test_a_wrong_turn_is_named(self) -> None:
        for op, path, value in (
            *(("want", path, ...) for path in TURN_FIELDS),
            *((op, "consumer", bad) for op in ("want", "unwant") for bad in ("", "c" * 129, 1, None)),
        ):
            with self.subTest(op, path=path, value=value):
                self.check_bad({**want("a", "7", op), path: value}, path)

    def check_bad(self, message: Message, path: str) -> None:
        """``...`` as a value: the field is missing."""
        frame = message.get("frame_metadata")
        if isinstance(frame, dict):
            message = {**message, "frame_metadata": {name: v for name, v in frame.items() if v is not ...}}
        message = {name: value for name, value in message.items() if value is not ...}
        bad = parse(message)
        assert isinstance(bad, Invalid)
        self.assertEqual(bad.answer["error"]["code"], "bad_request")
        self.assertIn(path, bad.answer["error"]["message"])
        readable = isinstance(message.get("request_id"), str) and 0 < len(message["request_id"]) <= 32
        self.assertEqual(bad.answer.get("request_id"), "7" if readable else None)
        self.assertEqual("grant" in bad.answer, message.get("op") == "want" and readable)

    def test_what_can_be_read_is_given_back(self) -> None:
        bad = parse({"request_id": "1", "camera_id": "c" * 200, "frame_metadata": {"frame_id": -3}})
        assert isinstance(bad, Invalid)
        error = {"code": "bad_request", "message": "timestamp: it is missing"}
        answer = {"request_id": "1", "model_id": "m", "camera_id": "c" * 128, "frame_id": -3, "detections": None}
        self.assertEqual(bad.answer, {**answer, "error": error})
        for op in ("dance", 7, None, ["infer"], {}, True):
            with self.subTest(op):
                self.assertIsInstance(parse({**BASE, "op": op}), Invalid)

    def test_what_is_no_json_object_is_unreadable(self) -> None:
        for payload in (
            *(b"", b"abc", b"[1]", b"1", b"null", b'"x"', b"\xff\xfe", b'{"op":"health"', b'{"a":"\xff"}'),
            *(b'{"timestamp":NaN}', b'{"x":Infinity}', b'{"x":-Infinity}', b"{'op':1}", b'{"x":01}', b'{"x":"\n"}'),
            *('{"op":"health"}'.encode("utf-16"), b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"[" * 500_000),
        ):
            with self.subTest(payload[:20]), self.assertRaises(Unreadable):
                parse_request(payload, "m")

    def test_strange_but_legal_json(self) -> None:
        for text in (
            '{"op":"describe","op":"health"}',
            '\ufeff{"op":"health"}',
            '{"op":"health","x":%s}' % ("9" * 500_000),
            '{"op":"health","x":1e999,"y":-1e999}',
            '{"op":"he\\u0061lth","\\ud800":"\\udfff"}',
        ):
            with self.subTest(text[:40]):
                self.assertEqual(parse(text.encode()), StateRequest("health", None))
        self.assertIsInstance(parse(json.dumps(BASE).replace(" 1,", " 1e999,", 1).encode()), Invalid)

    def test_half_a_surrogate_pair_comes_back(self) -> None:
        request = parse({**BASE, "camera_id": "\ud800é", "request_id": "\udc00"})
        assert isinstance(request, InferRequest)
        back = json.loads(encode(infer_error(request, "overloaded", "x"))[4:].decode())
        self.assertEqual((back["camera_id"], back["request_id"]), ("\ud800é", "\udc00"))


UNSIGNED_WRONG = ("", "-1", "1.5", "1" * 21, "0x1", " 1", "1\n", "١", 22, None)


class Cutting(unittest.TestCase):
    def test_byte_by_byte(self) -> None:
        stream = encoded({"op": "health"}) + encoded(b"") + encoded({"op": "describe"})
        cutter, got = Cutter(), []
        for byte in stream:
            cutter.feed(bytes([byte]))
            payload = cutter.take()
            if payload is not None:
                got.append(payload)
        self.assertEqual(got, [b'{"op": "health"}', b"", b'{"op": "describe"}'])
        self.assertEqual(cutter.buffered, 0)

    def test_the_limit(self) -> None:
        cutter = Cutter()
        cutter.feed(encoded(b"x" * MESSAGE_LIMIT))
        self.assertEqual(len(cutter.take() or b""), MESSAGE_LIMIT)
        cutter.feed(b"\x00\x10\x00\x01")
        with self.assertRaises(Unreadable):
            cutter.take()
