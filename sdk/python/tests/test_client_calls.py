"""Calls of the client: what is sent, and what becomes of any answer."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
import typing
from typing import Callable, List
from unittest import mock

from vigia import VigiaError
from vigia.client import ApiError, Client, NoAnswerError, _transport, types

from .client_support import ClientCase, answer, raw

CONFLICT = {"error": {"code": "conflict", "message": "revision 4 is in force", "revision": 4, "changes": ["a: b"]}}


def slowly(text: bytes) -> Callable[[socket.socket], None]:
    """A byte every 50 ms: each arrives in time, the answer does not."""

    def serve(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return serve


class Requests(ClientCase):
    def test_parameters_query_and_headers(self) -> None:
        client, node = self.client(*[answer(200, {})] * 4, token="vigia_secret")
        client.put_camera("a/b ?", {"source": "rtsp://h/ä"}, if_match=3, idempotency_key="k1")
        client.events(kind="config,node", from_="2026-01-01T00:00:00+01:00", limit=5)
        client.put_config("version: 1\n", dry_run=True)
        client.restart_camera("hall")
        lines = [request.split("\r\n")[0] for request in node.requests]
        self.assertEqual(
            lines,
            [
                "PUT /api/v1/cameras/a%2Fb%20%3F HTTP/1.1",
                "GET /api/v1/events?kind=config%2Cnode&from=2026-01-01T00%3A00%3A00%2B01%3A00&limit=5 HTTP/1.1",
                "PUT /api/v1/config?dry_run=1 HTTP/1.1",
                "POST /api/v1/cameras/hall/restart HTTP/1.1",
            ],
        )
        self.assertEqual([node.header(name, 0) for name in ("If-Match", "Idempotency-Key")], ['"3"', "k1"])
        self.assertTrue(node.requests[0].endswith('\r\n\r\n{"source": "rtsp://h/\\u00e4"}'))
        kinds = [node.header("Content-Type", request) for request in range(4)]
        self.assertEqual(kinds, ["application/json", None, "application/yaml", None])
        self.assertEqual([node.header("Content-Length", request) for request in (1, 3)], [None, "0"])
        for request in range(4):
            self.assertEqual(node.header("Authorization", request), "Bearer vigia_secret")
            self.assertEqual(node.header("Host", request), f"127.0.0.1:{node.port}")

    def test_what_cannot_be_sent_is_a_sentence_without_the_secret(self) -> None:
        rows = [
            lambda: Client("http://127.0.0.1:1", token="secret\r\nX: 1").status(),
            lambda: Client("http://127.0.0.1:1").reload(idempotency_key="secret\n"),
            lambda: Client("http://user:secret@127.0.0.1:1"),
            lambda: Client("http://127.0.0.1:1").camera(".."),
            lambda: Client("http://127.0.0.1:1").remove_camera(""),
            lambda: Client("ftp://127.0.0.1"),
            lambda: Client("http://127.0.0.1:1/a b").status(),
            lambda: Client("http://127.0.0.1:1?secret"),
            lambda: Client("http://127.0.0.1:1", ca_file="/x"),
            lambda: Client("http://127.0.0.1:1", socket="/x"),
            lambda: Client(socket="/x", token="secret"),
            lambda: Client(),
        ]
        for number, build in enumerate(rows):
            with self.subTest(number), self.assertRaises(ValueError) as caught:
                build()
            self.assertNotIn("secret", str(caught.exception))

    def test_a_session_sends_its_cookie_and_its_token_against_forgery(self) -> None:
        cookie = "Set-Cookie: other=1\r\nSet-Cookie: vigia_session=vigia_abc; Path=/; HttpOnly\r\n"
        client, node = self.client(answer(200, {"csrf": "c1"}, cookie), answer(200, {}), answer(200, {}))
        client.login("anna", "correct horse").logout()
        self.assertTrue(node.requests[0].endswith('{"user": "anna", "password": "correct horse"}'))
        self.assertEqual([node.header(name) for name in ("Cookie", "X-CSRF-Token")], ["vigia_session=vigia_abc", "c1"])
        client.me()
        self.assertIsNone(node.header("Cookie"))

    def test_a_login_without_a_session(self) -> None:
        client, _ = self.client(answer(200, {"csrf": "c1"}), answer(200, {"csrf": None}, "Set-Cookie: vigia_session=a\r\n"))
        for _ in range(2):
            with self.assertRaisesRegex(NoAnswerError, "without a session"):
                client.login("anna", "x")

    def test_every_type_can_be_resolved(self) -> None:
        for name in dir(types):
            if isinstance(getattr(types, name), type):
                self.assertIsInstance(typing.get_type_hints(getattr(types, name)), dict)


class Answers(ClientCase):
    def test_json_bytes_and_text(self) -> None:
        jpeg = b"\xff\xd8" + bytes(range(256)) * 300
        client, _ = self.client(answer(200, {"status": "ready"}), answer(200, jpeg), answer(200, "ä # EOF".encode()))
        self.assertEqual(client.ready(), {"status": "ready"})
        self.assertEqual(client.snapshot("hall", annotated=True), jpeg)
        self.assertEqual(client.metrics(), "ä # EOF")

    def test_a_refusal_has_status_code_message_and_details(self) -> None:
        client, _ = self.client(answer(412, CONFLICT))
        with self.assertRaises(ApiError) as caught:
            client.remove_camera("hall", if_match=3)
        error = caught.exception
        self.assertIsInstance(error, VigiaError)
        self.assertEqual((error.status, error.code, error.message), (412, "conflict", "revision 4 is in force"))
        self.assertEqual(error.details, {"revision": 4, "changes": ["a: b"]})
        self.assertEqual(str(error), error.message)

    def test_an_error_of_another_server(self) -> None:
        bodies = [b"<html>", b"[]", b"{}", b'{"error":1}', b'{"error":{"code":1,"message":"x"}}', b"[" * 100_000]
        client, _ = self.client(*[answer(502, body) for body in bodies])
        for body in bodies:
            with self.subTest(body[:20]), self.assertRaises(ApiError) as caught:
                client.status()
            self.assertEqual((caught.exception.status, caught.exception.code), (502, "not_understood"))

    def test_a_redirect_is_not_followed(self) -> None:
        other = self.node(answer(200, {}))
        client, _ = self.client(answer(307, b"", f"Location: http://127.0.0.1:{other.port}/x\r\n"), token="t")
        with self.assertRaises(ApiError) as caught:
            client.status()
        self.assertEqual((caught.exception.status, other.requests), (307, []))

    def test_a_proxy_of_the_environment_is_not_used(self) -> None:
        proxy = self.node(answer(200, {}))
        names = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), f"http://127.0.0.1:{proxy.port}")
        client, node = self.client(answer(200, {}))
        with mock.patch.dict(os.environ, names):
            client.status()
        self.assertEqual((len(node.requests), proxy.requests), (1, []))

    def test_no_answer(self) -> None:
        rows = [
            ("lost", raw(b"")),
            ("lost", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")),
            ("lost", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")),
            ("lost", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}")),
            ("lost", raw(b"HTTP/1.1 412 X\r\nContent-Length: 900\r\n\r\n{}")),
            ("bad_answer", raw(b"SSH-2.0-OpenSSH\r\n")),
            ("bad_answer", raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n")),
            ("bad_answer", raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n")),
            ("bad_answer", answer(200, b"{")),
            ("bad_answer", answer(200, b"\xff")),
            ("bad_answer", answer(200, b"[" * 100_000)),
        ]
        client, _ = self.client(*[serve for _, serve in rows])
        for code, _ in rows:
            with self.assertRaises(NoAnswerError) as caught:
                client.status()
            self.assertEqual(caught.exception.code, code)

    def test_an_answer_that_is_too_long(self) -> None:
        chunked = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n" + b"0\r\n\r\n")
        client, _ = self.client(answer(200, b'"' + b"x" * 98 + b'"'), answer(200, b"x" * 101), chunked, chunked)
        with mock.patch.object(_transport, "ANSWER_LIMIT_BYTES", 100):
            self.assertEqual(len(client.status()), 98)
            with self.assertRaisesRegex(NoAnswerError, "more than 100 bytes"):
                client.status()
            self.assertEqual(len(client.metrics()), 100)
        with mock.patch.object(_transport, "ANSWER_LIMIT_BYTES", 99), self.assertRaisesRegex(NoAnswerError, "more than 99"):
            client.metrics()

    def test_the_timeout_is_that_of_the_whole_call(self) -> None:
        for text in (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b" " * 100):
            client, _ = self.client(slowly(text), timeout=0.4)
            with self.assertRaises(NoAnswerError) as caught:
                client.status()
            self.assertEqual(caught.exception.code, "timeout")

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        for client in (Client(f"http://127.0.0.1:{port}"), Client(socket=str(self.folder / "none.sock"))):
            with self.assertRaises(NoAnswerError) as caught:
                client.status()
            self.assertEqual(caught.exception.code, "unreachable")

    def test_a_refusal_of_a_body_that_was_not_read(self) -> None:
        def serve(connection: socket.socket) -> None:
            answer(413, {"error": {"code": "bad_request", "message": "too long"}})(connection)

        with mock.patch("tests.client_support._read_request", lambda connection: connection.recv(100).decode()):
            client, _ = self.client(serve)
            with self.assertRaises(VigiaError) as caught:
                client.put_config("x" * 5_000_000)
        self.assertEqual(caught.exception.code, "bad_request")


class Entrances(ClientCase):
    def certificate(self) -> None:
        names = "-subj /CN=vigia -addext subjectAltName=IP:127.0.0.1"
        what = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 {names}"
        files = ["-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")]
        subprocess.run(["openssl", *what.split(), *files], check=True, capture_output=True)

    def test_over_tls_with_a_certificate_of_its_own(self) -> None:
        self.certificate()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        node = self.node(answer(200, {"status": "ready"}), answer(200, {}), answer(200, {}), tls=tls)
        url = f"https://127.0.0.1:{node.port}"
        ca_file = str(self.folder / "cert.pem")
        self.assertEqual(Client(url, ca_file=ca_file, token="t").ready(), {"status": "ready"})
        for client in (Client(url, token="t"), Client(url.replace("127.0.0.1", "localhost"), ca_file=ca_file, token="t")):
            with self.assertRaisesRegex(NoAnswerError, "(?i)certificate") as caught:
                client.ready()
            self.assertEqual(caught.exception.code, "unreachable")
        self.assertEqual(len(node.requests), 1)

    def test_over_a_socket(self) -> None:
        path = self.folder / "control.sock"
        node = self.socket_node(path, answer(200, {"status": "ready"}))
        self.assertEqual(Client(socket=str(path)).ready(), {"status": "ready"})
        self.assertEqual(node.header("Host"), "localhost")

    def test_behind_a_path(self) -> None:
        client, node = self.client(answer(200, {}))
        Client(f"http://127.0.0.1:{node.port}/vigia/").ready()
        self.assertTrue(node.requests[0].startswith("GET /vigia/readyz "))

    def test_closing_ends_a_call_of_another_thread_and_those_to_come(self) -> None:
        arrived = threading.Event()
        codes: List[str] = []

        def serve(connection: socket.socket) -> None:
            connection.settimeout(None)
            arrived.set()
            connection.recv(1)

        def call() -> None:
            with self.assertRaises(NoAnswerError) as caught:
                client.status()
            codes.append(caught.exception.code)

        client, _ = self.client(serve, timeout=60.0)
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        self.assertTrue(arrived.wait(5))
        client.close()
        thread.join(5)
        call()
        client.close()
        self.assertEqual(codes, ["closed", "closed"])
