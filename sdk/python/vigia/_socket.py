"""The socket to the supplier: one message each way, then bytes that mean "check what I wrote"."""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from typing import Any, Dict, NamedTuple, Optional

from ._layout import ATTACH_LIMIT_BYTES, SEATS_MAX, VERSION
from .errors import AttachError

_LENGTH = struct.Struct(">I")
_FULL_BACKLOG_PAUSE_S = 0.01


class Admission(NamedTuple):
    """A seat, and the paths of its table and of the frames."""

    seat: int
    seats: str
    epoch: int
    segment: str


def encode_request(reader_id: str, page: str, wake: str, fps: Optional[float]) -> bytes:
    """The attach message with its length. Raises ValueError when ``fps`` is not a finite number."""
    request: Dict[str, Any] = {"op": "attach", "protocol": VERSION, "reader": reader_id, "page": page, "wake": wake}
    if fps is not None:
        request["fps"] = fps
    body = json.dumps(request, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return _LENGTH.pack(len(body)) + body


def decode_answer(body: bytes) -> Admission:
    """Parses the supplier's answer (without its length). Raises AttachError: its refusal, or ``bad_answer``."""
    try:
        answer = json.loads(body)
        error = answer["error"]
        if error is not None:
            raise AttachError(str(error["code"]), str(error["message"]))
        return _admission(answer)
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise AttachError("bad_answer", f"the supplier's answer is not understood: {body[:200]!r}") from problem


def _admission(answer: Dict[str, Any]) -> Admission:
    """Raises ValueError, KeyError or TypeError unless the answer gives a seat."""
    seat, seats, epoch, segment = (answer[name] for name in ("seat", "seats", "epoch", "segment"))
    if type(seat) is not int or not 0 <= seat < SEATS_MAX:
        raise ValueError("seat")
    if not all(isinstance(text, str) for text in (seats, epoch, segment)):
        raise TypeError("text")
    if not (epoch.isascii() and epoch.isdecimal()):
        raise ValueError("epoch")
    return Admission(seat, seats, int(epoch), segment)


class SupplierSocket:
    """The reader's end of the connection."""

    def __init__(self, path: str, timeout: float) -> None:
        """``timeout``: seconds for everything up to the answer."""
        self._path = path
        self._deadline = time.monotonic() + timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def attach(self, request: bytes) -> Admission:
        """Connects, requests a seat and waits for the answer. Raises AttachError."""
        try:
            self._connect()
            self._limit()
            self._socket.sendall(request)
            length = _LENGTH.unpack(self._receive(_LENGTH.size))[0]
            if length > ATTACH_LIMIT_BYTES:
                raise AttachError(
                    "bad_answer", f"{self._path}: an answer of {length} bytes, {ATTACH_LIMIT_BYTES} is most"
                )
            answer = self._receive(length)
        except socket.timeout as error:
            raise AttachError("attach_timeout", f"{self._path}: the supplier did not answer in time") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise AttachError("supplier_unreachable", f"{self._path}: no supplier answers there ({reason})") from error
        self._socket.setblocking(False)
        return decode_answer(answer)

    def ring(self) -> None:
        """Notifies the supplier. Never waits: a full socket counts as success, ``drain`` notices a broken one."""
        try:
            self._socket.send(b"\x01", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass  # See above.

    def drain(self) -> bool:
        """Discards the bytes received so far. False when the supplier has closed its end."""
        try:
            while True:
                got = len(self._socket.recv(4096))
                if got < 4096:
                    return got > 0
        except BlockingIOError:
            return True
        except OSError:
            return False  # Closed with unread bytes: a reset.

    def wait(self, seconds: float) -> bool:
        """Blocks until there is something to read, for a limited time; returns whether there is. Ctrl-C works."""
        return bool(self._poll.poll(math.ceil(seconds * 1000)))

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the socket, which the supplier notices. Idempotent."""
        self._socket.close()

    def _limit(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._socket.settimeout(left)

    def _connect(self) -> None:
        while True:
            self._limit()
            try:
                return self._socket.connect(self._path)
            except BlockingIOError:
                # Unix sockets do not queue a peer that finds the backlog full.
                time.sleep(_FULL_BACKLOG_PAUSE_S)

    def _receive(self, length: int) -> bytes:
        """Exactly that many bytes: a doorbell may follow them at once."""
        got = b""
        while len(got) < length:
            self._limit()
            more = self._socket.recv(length - len(got))
            if not more:
                raise ConnectionResetError(None, "it closed the connection without an answer")
            got += more
        return got
