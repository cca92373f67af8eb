"""Server-Sent Events (html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple

from ..errors import NoAnswerError

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
"""Longest message, and longest line."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Message(NamedTuple):
    """One message."""

    id: str
    """The latest id of the stream; empty before the first one."""
    event: str
    data: str


class EventSourceParser:
    """Makes messages of bytes, however they are cut. A message that was not ended is none."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._after_return = False
        self._is_first = True
        self._id = ""
        self._event = ""
        self._data: List[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Messages that these bytes complete. Raises NoAnswerError for one that is too long."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        first, *others = _LINE_END.split(chunk)
        self._add(first)
        for piece in others:
            yield from self._end_line()
            self._add(piece)

    def _add(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) + self._size > MESSAGE_LIMIT_BYTES:
            raise NoAnswerError("bad_answer", f"a message of more than {MESSAGE_LIMIT_BYTES} bytes")

    def _end_line(self) -> Iterator[Message]:
        line, self._line = bytes(self._line), bytearray()
        if self._is_first and line.startswith(_BYTE_ORDER_MARK):
            line = line[len(_BYTE_ORDER_MARK) :]
        self._is_first = False
        if line:
            self._take_field(line)
            return
        if self._data:
            yield Message(self._id, self._event or "message", "\n".join(self._data))
        self._event, self._data, self._size = "", [], 0

    def _take_field(self, line: bytes) -> None:
        """A comment is a field without a name."""
        name, _, text = line.decode("utf-8", "replace").partition(":")
        value = text[1:] if text.startswith(" ") else text
        if name == "data":
            self._data.append(value)
            self._size += len(line)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
