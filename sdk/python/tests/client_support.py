"""A node made of written answers, for tests of the client."""

from __future__ import annotations

import json
import os
import socket
import ssl
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

from vigia.client import Client

Answers = Callable[[socket.socket], None]


def raw(text: bytes) -> Answers:
    """Sends these bytes, then closes."""
    return lambda connection: connection.sendall(text)


def answer(status: int, body: object, more: str = "") -> Answers:
    """Sends JSON, or bytes unchanged."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{more}\r\n"
    return raw(head.encode() + content)


def stream(*parts: str) -> Answers:
    """A stream of these parts, one chunk each, which ends without its last chunk: like a lost connection."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = "".join(f"{len(part.encode()):x}\r\n{part}\r\n" for part in parts)
    return raw((head + chunks).encode())


def endless(*parts: str) -> Answers:
    """Like :func:`stream`, but waits until the client closes."""

    def serve(connection: socket.socket) -> None:
        stream(*parts)(connection)
        connection.recv(1)

    return serve


def event(number: int) -> str:
    """A message of a stream of events."""
    return f'id: {identity(number)}\nevent: node\ndata: {{"id": "{identity(number)}"}}\n\n'


def position(number: int) -> str:
    """The message with which a stream begins."""
    return f"id: {identity(number)}\nevent: position\ndata: {{}}\n\n"


def identity(number: int) -> str:
    return f"{number:026d}"


class WrittenNode:
    """Gives each connection the next answer. Records the requests."""

    def __init__(self, listener: socket.socket, answers: Tuple[Answers, ...], tls: Optional[ssl.SSLContext]) -> None:
        self.requests: List[str] = []
        self.ended = threading.Semaphore(0)
        """Released when a connection has been served, and the client has closed it where the answer waits for that."""
        self._listener = listener
        self._tls = tls
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def header(self, name: str, request: int = -1) -> Optional[str]:
        """Of a request; None without it."""
        lines = self.requests[request].split("\r\n\r\n")[0].split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines).get(name)

    def close(self) -> None:
        # Closing alone does not wake a thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self, answers: Tuple[Answers, ...]) -> None:
        for serve in answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve_one(connection, serve)
            self.ended.release()

    def _serve_one(self, plain: socket.socket, serve: Answers) -> None:
        plain.settimeout(5)
        try:
            connection = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            with connection:
                self.requests.append(_read_request(connection))
                serve(connection)
        except OSError:
            pass  # The client has left.


def _read_request(connection: socket.socket) -> str:
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65_536)
        if not more:
            return got.decode()
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next((int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")), 0)
    while len(body) < length:
        body += connection.recv(65_536)
    return (head + b"\r\n\r\n" + body).decode()


class ClientCase(unittest.TestCase):
    """Tests with written nodes. Each leaves as many descriptors open as before."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vigia-pytest-"))
        before = len(os.listdir("/proc/self/fd"))
        self.addCleanup(lambda: self.assertEqual(len(os.listdir("/proc/self/fd")), before))
        self.addCleanup(self._remove_folder)

    def _remove_folder(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def node(self, *answers: Answers, tls: Optional[ssl.SSLContext] = None) -> WrittenNode:
        listener = socket.create_server(("127.0.0.1", 0))
        return self._closed(WrittenNode(listener, answers, tls))

    def socket_node(self, path: Path, *answers: Answers) -> WrittenNode:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen()
        return self._closed(WrittenNode(listener, answers, None))

    def client(self, *answers: Answers, **options: Any) -> Tuple[Client, WrittenNode]:
        """A client of a node with these answers."""
        node = self.node(*answers)
        return Client(f"http://127.0.0.1:{node.port}", **{"timeout": 5.0, **options}), node

    def _closed(self, node: WrittenNode) -> WrittenNode:
        self.addCleanup(node.close)
        return node
