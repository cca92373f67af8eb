"""The golden vectors: docs/protocol/vectors/frame-readers.json."""

from __future__ import annotations

import json
import struct
import unittest
from typing import Any, Dict, List

from vigia import AttachError, _layout
from vigia._socket import Admission, decode_answer, encode_request

from .support import VECTORS

LAYOUTS = {
    "seat_table_header": _layout.SeatsHeader,
    "seat": _layout.SeatEntry,
    "reader_page": _layout.ReaderPageOffsets,
    "segment_header": _layout.SegmentHeader,
    "segment_slot": _layout.SlotEntry,
}
SIGNED = ("captured_wall_us", "pts_us")


def vectors(kind: str) -> List[Dict[str, Any]]:
    with open(VECTORS, encoding="utf-8") as file:
        return [vector for vector in json.load(file) if vector["kind"] == kind]


class Vectors(unittest.TestCase):
    def test_requests_are_produced_byte_for_byte(self) -> None:
        known = {"op", "protocol", "reader", "page", "wake", "fps"}
        accepted = [vector for vector in vectors("attach_request") if vector["accepted"]]
        ours = [vector for vector in accepted if set(vector["json"]) <= known]
        self.assertEqual(len(ours), 3)
        for vector in ours:
            with self.subTest(vector["name"]):
                request = vector["json"]
                made = encode_request(request["reader"], request["page"], request["wake"], request.get("fps"))
                self.assertEqual(made.hex(), vector["bytes_hex"])

    def test_answers_are_understood(self) -> None:
        for vector in vectors("attach_answer"):
            with self.subTest(vector["name"]):
                body = bytes.fromhex(vector["bytes_hex"])[4:]
                answer = vector["json"]
                if vector["accepted"] and answer["error"] is None:
                    epoch = int(answer["epoch"])
                    self.assertEqual(
                        decode_answer(body), Admission(answer["seat"], answer["seats"], epoch, answer["segment"])
                    )
                    continue
                with self.assertRaises(AttachError) as caught:
                    decode_answer(body)
                error = answer["error"] or {"code": "bad_answer"}
                self.assertEqual(caught.exception.code, error["code"])
                self.assertIn(error.get("message", "not understood"), str(caught.exception))

    def test_offsets(self) -> None:
        for kind, layout in LAYOUTS.items():
            for vector in vectors(kind):
                with self.subTest(vector["name"]):
                    data = bytes.fromhex(vector["bytes_hex"])
                    offsets = {
                        name.lower(): at for name, at in vars(layout).items() if name.isupper() and type(at) is int
                    }
                    self.assertEqual(set(offsets), set(vector["fields"]))
                    for name, expected in vector["fields"].items():
                        self.assertEqual(decode(data, name, offsets[name], expected), expected, name)
                    if "magic" in offsets:
                        self.assertEqual(data[:8], layout.MAGIC_VALUE)

    def test_the_page_that_is_made(self) -> None:
        self.assertEqual(struct.calcsize("@I"), 4)
        self.assertEqual(struct.calcsize("@Q"), 8)
        self.assertEqual(_layout.data_offset(4), 8192)
        self.assertEqual(_layout.data_offset(4095), 4096 + 4095 * 128 + 128)


def decode(data: bytes, name: str, at: int, expected: Any) -> Any:
    """The field in the form of the expected value."""
    if name == "magic":
        return data[at : at + 8].decode()
    if name == "planes":
        return [list(struct.unpack_from("<II", data, at + 8 * i)) for i in range(len(expected))]
    if isinstance(expected, str):
        return str(struct.unpack_from("<q" if name in SIGNED else "<Q", data, at)[0])
    return struct.unpack_from("<I", data, at)[0]
