"""One peer's connection."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from typing import Callable, Deque, List, Optional

from ._log import Log
from ._loop import Loop, Timer
from ._messages import (
    MESSAGE_LIMIT,
    Cutter,
    InferRequest,
    Invalid,
    StateRequest,
    Unreadable,
    encode,
    no_grant,
    parse_request,
    unreadable,
)
from ._service import Answer, ModelService, Peer

MESSAGE_TIMEOUT_MS = 10_000
"""How long a message may take from its first byte to its last."""
_LINGER_MS = 1000
"""How long a refused peer may take to read the reason."""
_ORDERED_MAX = 64
"""Outstanding answers to requests without ``request_id`` above which the peer is not read."""
_UNREAD_MAX = MESSAGE_LIMIT
"""Unread bytes of answers above which a peer is closed."""
_CHUNK = 65_536


class Connection:
    """Cuts and parses messages, passes them to the service, writes answers.

    Answers with a ``request_id`` are sent when they are ready, those without in the order of their requests. Owns the
    socket. States: open, ended (the peer sends no more, answers are outstanding), refused (the reason is sent, then it
    closes), closed. Belongs to the loop's thread.
    """

    def __init__(
        self,
        peer: Peer,
        peer_socket: socket.socket,
        service: ModelService,
        loop: Loop,
        log: Log,
        on_closed: Callable[[Connection], None],
    ) -> None:
        self.number = peer.connection
        self._socket = peer_socket
        self._service = service
        self._loop = loop
        self._log = log
        self._on_closed = on_closed
        self._peer = peer
        self._cutter = Cutter()
        self._unsent = bytearray()
        self._places: Deque[List[Optional[bytes]]] = deque()
        self._owed = 0
        self._behind = False
        self._timer: Optional[Timer] = None
        self._ended = False
        self._refused = False
        self._closed = False
        peer_socket.setblocking(False)
        self._show_interest()

    def close(self) -> None:
        """Ends it without waiting for the peer. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        self._loop.watch(self._socket, 0, self._ready)
        self._socket.close()
        self._service.peer_gone(self._peer)
        self._on_closed(self)

    @property
    def _full(self) -> bool:
        """Whether too many ordered answers are outstanding to accept more. ``_behind``: it was, and the rest waits."""
        return len(self._places) >= _ORDERED_MAX

    def _show_interest(self) -> None:
        if self._closed:
            return
        reads = not self._ended and (self._refused or not self._behind)
        events = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if self._unsent else 0)
        self._loop.watch(self._socket, events, self._ready)

    def _ready(self, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._flush()
            if events & selectors.EVENT_READ and not self._closed:
                self._read()
        except OSError:
            self.close()  # Reset by the peer.
        except Exception:
            # A bug of the container: the peer must not wait for ever.
            self.close()
            raise

    def _read(self) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        if self._refused:
            # Discarded: closing with unread bytes would reset the connection, and the peer would not receive the
            # reason.
            return None if chunk else self.close()
        if not chunk:
            return self._end()
        self._cutter.feed(chunk)
        self._take_messages()

    def _take_messages(self) -> None:
        completed = self._behind
        self._behind = False
        try:
            while not self._closed:
                if self._full:
                    self._behind = True
                    break
                payload = self._cutter.take()
                if payload is None:
                    break
                completed = True
                self._handle(payload)
        except Unreadable as problem:
            return self._refuse(str(problem))
        self._watch_message(completed)
        self._show_interest()

    def _handle(self, payload: bytes) -> None:
        service = self._service
        request = parse_request(payload, service.model_id)
        if isinstance(request, InferRequest):
            service.infer(self._peer, request, self._answer_to(request.request_id))
        elif isinstance(request, StateRequest):
            self._answer_to(request.request_id)(service.state(request.op, request.request_id))
        elif isinstance(request, Invalid):
            self._answer_to(request.request_id)(encode(request.answer))
        elif request.op == "want":
            service.want(self._peer, request, self._answer_to(request.request_id))
        else:
            service.unwant(self._peer, request)
            # Synchronous and cannot fail: answered on request.
            if request.request_id is not None:
                self._write(encode(no_grant(request.request_id)))

    def _answer_to(self, request_id: Optional[str]) -> Answer:
        """The destination of a request's answer: sent directly, or in its place in the order."""
        self._owed += 1
        if request_id is not None:
            return self._settle
        place: List[Optional[bytes]] = [None]
        self._places.append(place)

        def answer(encoded: bytes) -> None:
            place[0] = encoded
            while self._places and self._places[0][0] is not None:
                self._settle(self._places.popleft()[0] or b"")
            if self._behind and not self._full:
                # Deferred: this may run inside a turn.
                self._loop.post(self._go_on)

        return answer

    def _go_on(self) -> None:
        if self._behind and not (self._closed or self._refused):
            self._take_messages()
            self._finish_if_ended()

    def _settle(self, encoded: bytes) -> None:
        self._owed -= 1
        self._write(encoded)
        self._finish_if_ended()

    def _write(self, encoded: bytes) -> None:
        if self._closed or self._refused:
            return
        self._unsent += encoded
        try:
            self._flush()
        except OSError:
            # Deferred: this may run inside a turn, and closing withdraws turns.
            self._loop.post(self.close)
            return
        if len(self._unsent) > _UNREAD_MAX:
            self._log.warn_rarely(f"connection {self.number} does not read its answers: closed")
            self._unsent.clear()
            self._loop.post(self.close)

    def _flush(self) -> None:
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                break
            del self._unsent[:sent]
        self._show_interest()
        if not self._unsent and self._refused:
            self._socket.shutdown(socket.SHUT_WR)
        self._finish_if_ended()

    def _refuse(self, why: str) -> None:
        """The stream is out of step: sends the reason, and closes."""
        self._cutter.clear()
        self._stop_timer()
        self._timer = self._loop.after(_LINGER_MS, self.close)
        self._unsent += encode(unreadable(self._service.model_id, why))
        self._refused = True
        # Its grant would block others until it expires: the peer cannot use it any more.
        self._service.peer_ended(self._peer)
        try:
            self._flush()
        except OSError:
            self.close()  # Closed without waiting for the reason.

    def _watch_message(self, completed: bool) -> None:
        """``completed``: a message was completed, so the remaining bytes begin another."""
        # While nothing is read, the peer is not to be timed.
        if completed or self._behind or not self._cutter.buffered:
            self._stop_timer()
        if self._cutter.buffered and not self._behind and self._timer is None and not self._closed:
            why = f"a message was not complete after {MESSAGE_TIMEOUT_MS} ms"
            self._timer = self._loop.after(MESSAGE_TIMEOUT_MS, lambda: self._refuse(why))

    def _end(self) -> None:
        """The peer may stop sending and still wait for its answers: one request and shutdown."""
        self._ended = True
        self._stop_timer()
        self._show_interest()
        self._service.peer_ended(self._peer)
        self._finish_if_ended()

    def _finish_if_ended(self) -> None:
        if self._ended and not (self._owed or self._unsent or self._behind):
            self._loop.post(self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
