"""Requests and their answers, each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Set, cast

from ..errors import ApiError, NoAnswerError
from ._address import Address
from ._request import Request, head
from ._wire import Wire

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""Longest answer; that of a stream has no limit."""
_CHUNK_BYTES = 65_536
_NOT_UNDERSTOOD = "not_understood"


class Answer:
    """What came back: its body is read once."""

    def __init__(self, response: http.client.HTTPResponse, wire: Wire) -> None:
        self._response = response
        self._wire = wire
        self.status: int = response.status

    def cookies(self) -> List[str]:
        """Values of `Set-Cookie`."""
        return self._response.msg.get_all("Set-Cookie") or []

    def read(self) -> bytes:
        """The whole body. Raises NoAnswerError when it is too long; what http.client raises when it is not complete."""
        body = self._response.read(ANSWER_LIMIT_BYTES + 1)
        if len(body) > ANSWER_LIMIT_BYTES:
            raise NoAnswerError("bad_answer", f"an answer of more than {ANSWER_LIMIT_BYTES} bytes")
        if self._response.length:
            raise http.client.IncompleteRead(body, self._response.length)
        return body

    def chunks(self, silence_s: float) -> Iterator[bytes]:
        """Bytes as they come, to the end of the body. Raises socket.timeout when none come for so long."""
        while True:
            self._wire.extend(silence_s)
            chunk = self._response.read1(_CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


class Transport:
    """Sends requests to one node. Holds the connections that are open at the moment, of all threads."""

    def __init__(self, address: Address, headers: Mapping[str, str], timeout: float) -> None:
        """``headers``: of each request. ``timeout``: seconds from connecting to the whole answer."""
        self._address = address
        self._headers = headers
        self._timeout = timeout
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._open: Set[Wire] = set()

    def with_headers(self, headers: Mapping[str, str]) -> Transport:
        """To the same node, with other headers."""
        return Transport(self._address, headers, self._timeout)

    @contextmanager
    def exchange(self, request: Request, more: Mapping[str, str] = {}) -> Iterator[Answer]:
        """Sends a request; the answer is valid inside. Raises NoAnswerError, ApiError, ValueError."""
        headers, body = request.content()
        address = self._address.prefix + request.address()
        text = head(request.method, address, self._all_headers({**headers, **more}, request.method, len(body))) + body
        with self._sentences(), self._wire() as wire:
            self._send(wire, text)
            response = http.client.HTTPResponse(cast(socket.socket, wire), method=request.method)
            try:
                response.begin()
                answer = Answer(response, wire)
                if answer.status != 200:
                    raise error_of(answer.status, answer.read())
                yield answer
            finally:
                response.close()

    def pause(self, seconds: float) -> bool:
        """Waits; returns whether this transport was closed."""
        return self._closed.wait(seconds)

    def close(self) -> None:
        """Cuts open connections, and opens no more. Idempotent, for any thread."""
        with self._lock:
            self._closed.set()
            for wire in self._open:
                wire.cut()

    def _all_headers(self, own: Mapping[str, str], method: str, length: int) -> Dict[str, str]:
        size = {} if method == "GET" else {"Content-Length": str(length)}
        return {"Host": self._address.host, "Connection": "close", **self._headers, **own, **size}

    @contextmanager
    def _wire(self) -> Iterator[Wire]:
        deadline = time.monotonic() + self._timeout
        self._refuse_closed()
        wire = Wire(self._address.connect(self._timeout), deadline)
        try:
            with self._lock:
                self._refuse_closed()
                self._open.add(wire)
            yield wire
        finally:
            with self._lock:
                self._open.discard(wire)
            wire.close()

    @staticmethod
    def _send(wire: Wire, text: bytes) -> None:
        try:
            wire.sendall(text)
        except (BrokenPipeError, ConnectionResetError):
            pass  # A node that refuses a long body answers before it has read it.

    def _refuse_closed(self) -> None:
        if self._closed.is_set():
            raise NoAnswerError("closed", "this client was closed")

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Makes one error of everything that can happen to a connection."""
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            self._refuse_closed()
            raise _error_for(self._address.where, error) from error


def _error_for(where: str, error: Exception) -> NoAnswerError:
    if isinstance(error, socket.timeout):
        return NoAnswerError("timeout", f"{where}: no answer in time")
    if isinstance(error, (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError)):
        return NoAnswerError("lost", f"{where}: the connection ended before the answer was complete")
    if isinstance(error, http.client.HTTPException):
        return NoAnswerError("bad_answer", f"{where}: the answer is no HTTP")
    reason = getattr(error, "strerror", None) or str(error)
    return NoAnswerError("unreachable", f"{where}: {reason}")


def error_of(status: int, body: bytes) -> ApiError:
    """The error in an answer's body."""
    try:
        error = dict(json.loads(body)["error"])
        code, message = error.pop("code"), error.pop("message")
        if isinstance(code, str) and isinstance(message, str):
            return ApiError(status, code, message, error)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # Not from a node of ours: below.
    sentence = f"the node answered {status} with something that is not understood"
    return ApiError(status, _NOT_UNDERSTOOD, sentence, {})


def parsed(text: str) -> Any:
    """A value of JSON. Raises NoAnswerError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoAnswerError("bad_answer", "an answer that is no JSON") from error
