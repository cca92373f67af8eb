"""The client."""

from __future__ import annotations

from typing import Any, Callable, Generator, Mapping, Optional, Sequence

from ..errors import NoAnswerError
from ._access_routes import AccessRoutes
from ._address import of_socket, of_url
from ._recording_routes import RecordingRoutes
from ._request import Request
from ._routes import Routes
from ._streams import Resume, WatchItem, resumed
from ._transport import Transport, parsed
from .types import NodeEvent

TIMEOUT_S = 60.0
"""Longer than any answer of a node takes, a reload that fetches a model excepted."""
_COOKIE = "vigia_session="
_OnLost = Optional[Callable[[Exception], None]]


class Client(Routes, AccessRoutes, RecordingRoutes):
    """One node. A method per route, and two for what happens: :meth:`follow` and :meth:`watch`.

    Each call is one request on a connection of its own, so a client may be used by many threads. There is no proxy and
    no redirect. Every method raises ApiError when the node refuses, NoAnswerError when no answer comes, ValueError for
    what cannot be sent.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        *,
        token: Optional[str] = None,
        ca_file: Optional[str] = None,
        socket: Optional[str] = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """``url``: `http://127.0.0.1:8470`, or ``socket``: the path of a control socket, which needs no token.

        ``ca_file``: PEM with the authority of an https certificate, or the certificate itself; default: the system's.
        ``timeout``: seconds of a call, from connecting to the whole answer.
        """
        if (url is None) == (socket is None):
            raise ValueError("url or socket is expected, one of them")
        if socket is not None and (token is not None or ca_file is not None):
            raise ValueError("a control socket needs neither token nor ca_file")
        address = of_url(url, ca_file) if url is not None else of_socket(str(socket))
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._transport = Transport(address, headers, timeout)

    def login(self, user: str, password: str) -> Client:
        """Begins a session, and returns a client that is in it; its ``logout`` ends it. Programs better have a token."""
        request = Request("POST", "/api/v1/login", body={"user": user, "password": password})
        with self._transport.exchange(request) as answer:
            csrf = parsed(answer.read().decode("utf-8", "replace")).get("csrf")
            session = next((text.split(";")[0] for text in answer.cookies() if text.startswith(_COOKIE)), None)
        if not isinstance(csrf, str) or session is None:
            raise NoAnswerError("bad_answer", "the login was answered without a session")
        client = object.__new__(Client)
        client._transport = self._transport.with_headers({"Cookie": session, "X-CSRF-Token": csrf})
        return client

    def follow(
        self, *, after: Optional[str] = None, on_lost: _OnLost = None, retry_s: float = 1.0
    ) -> Generator[NodeEvent, None, None]:
        """Yields events as they happen, also over lost connections: each once, in order, without gaps.

        ``after``: the id of the last known event; without it only what happens from now on. ``on_lost``: called with the
        error when the connection was lost, before the next attempt, ``retry_s`` seconds later. Ends when the generator,
        or the client in any thread, is closed.
        """
        return resumed(self._transport, Request("GET", "/api/v1/events/stream"), Resume(after, on_lost, retry_s))

    def watch(
        self,
        types: Optional[Sequence[str]] = None,
        camera: Optional[str] = None,
        *,
        after: Optional[str] = None,
        on_lost: _OnLost = None,
        retry_s: float = 1.0,
    ) -> Generator[WatchItem, None, None]:
        """Yields results, statistics and events as they happen. Events come without gaps; results of a pause are gone.

        ``types``: of `result`, `stats`, `event`; default: all. ``camera``: only what concerns this one. The others as
        for :meth:`follow`.
        """
        query: Mapping[str, object] = {"types": None if types is None else ",".join(types), "camera": camera}
        return resumed(self._transport, Request("GET", "/api/v1/stream", query=query), Resume(after, on_lost, retry_s))

    def close(self) -> None:
        """Ends calls and streams of all threads: a stream returns, a call raises NoAnswerError `closed`. Idempotent."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bytes(self, request: Request) -> bytes:
        with self._transport.exchange(request) as answer:
            return answer.read()

    def _text(self, request: Request) -> str:
        return self._bytes(request).decode("utf-8", "replace")

    def _json(self, request: Request) -> Any:
        return parsed(self._text(request))
