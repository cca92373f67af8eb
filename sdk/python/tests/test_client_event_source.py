"""Server-Sent Events, however their bytes are cut."""

from __future__ import annotations

import random
import unittest
from typing import List
from unittest import mock

from vigia.client import NoAnswerError, _event_source
from vigia.client._event_source import EventSourceParser, Message


def messages(data: bytes, sizes: List[int]) -> List[Message]:
    """What a parser makes of data in pieces of these sizes, over and over."""
    parser, found, at = EventSourceParser(), [], 0
    while at < len(data):
        for size in sizes:
            found += parser.feed(data[at : at + size])
            at += size
    return found


class Parsing(unittest.TestCase):
    def test_what_the_standard_says(self) -> None:
        rows = [
            (b"data: a\n\n", [Message("", "message", "a")]),
            (b"data:a\ndata:  b\n\n", [Message("", "message", "a\n b")]),
            (b"id: 1\nevent: e\ndata: a\n\ndata: b\n\n", [Message("1", "e", "a"), Message("1", "message", "b")]),
            (b"id: 1\n\ndata: a\n\n", [Message("1", "message", "a")]),
            (b"id: 1\nid: 2\0\ndata: a\n\n", [Message("1", "message", "a")]),
            (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [Message("1", "message", "a"), Message("", "message", "b")]),
            (b":\n\n: beat\n\ndata\n\n", [Message("", "message", "")]),
            (b"\xef\xbb\xbfdata: a\n\n", [Message("", "message", "a")]),
            (b"retry: 5\nnonsense: 1\ndata: \xff\n\n", [Message("", "message", "\ufffd")]),
            (b"data: complete\n\nid: 9\ndata: not ended\n", [Message("", "message", "complete")]),
        ]
        for data, expected in rows:
            for text in (data, data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r")):
                with self.subTest(text):
                    self.assertEqual(messages(text, [len(text)]), expected)
                    self.assertEqual(messages(text, [1]), expected)

    def test_any_cut_gives_the_same(self) -> None:
        text = "".join(f"id: {i}\r\nevent: e{i}\ndata: ä{i}\rdata: 停{'x' * i}\n\r\n:\n\n" for i in range(40)).encode()
        whole = messages(text, [len(text)])
        self.assertEqual(len(whole), 40)
        for seed in range(100):
            chance = random.Random(seed)
            self.assertEqual(messages(text, [chance.randint(1, 30) for _ in range(7)]), whole, seed)

    def test_a_message_or_a_line_that_is_too_long(self) -> None:
        with mock.patch.object(_event_source, "MESSAGE_LIMIT_BYTES", 100):
            for text in (b"data: " + b"x" * 100, b"data: aaaaaaaaaaaaaaa\n" * 6, b"nonsense" * 20):
                with self.subTest(text), self.assertRaises(NoAnswerError) as caught:
                    messages(text, [10])
                self.assertEqual(caught.exception.code, "bad_answer")
            self.assertEqual(len(messages(b"data: 0123456789\n\n" * 50, [7])), 50)
