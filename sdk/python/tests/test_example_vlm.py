"""examples/workers/vlm.py against a server on this machine, which is also made to fail."""

from __future__ import annotations

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

from .worker_support import Worker, WorkerCase, frame_message

JPEG = b"\xff\xd8\xff\xe0 not much of a picture \xff\xd9"
KEY = "sk-not-to-be-seen"
WAIT_S = 15


def completion(text: Any = "A bed.", **more: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"message": message}], **more}).encode()


class Server:
    """Answers each request as it is told to. ``seen``: path, headers and body of all requests."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: List[Tuple[str, Dict[str, str], Any]] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = WAIT_S

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.append((self.path, dict(self.headers), json.loads(body)))
                try:
                    answer(self)
                except ConnectionError:
                    pass  # The worker went away, as it should.

            def log_message(self, *_: Any) -> None:
                """Nothing of it belongs on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def say(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Vlm(WorkerCase):
    def serve(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        server = Server(answer)
        self.addCleanup(server.close)
        return server

    def begin(self, url: str, key: Optional[str] = KEY, **more: Any) -> Worker:
        options = {"base_url": url, "model": "tiny-vlm", "prompt": "Who is in bed?", **more}
        variables = {"VLM_API_KEY": key, "no_proxy": "127.0.0.1"}
        worker = self.start_example("vlm.py", options=options, environment=variables)
        self.assertEqual(worker.answers()["wants"], {"format": "JPEG"})
        return worker

    def look(self, worker: Worker, seq: int = 1) -> Dict[str, Any]:
        return worker.ask(frame_message(seq, format="JPEG", data=JPEG))

    def fails(self, server: Server, code: str, text: str, **options: Any) -> None:
        """Fails once with that code, says nothing secret, and goes on."""
        worker = self.begin(server.url, **options)
        for seq in (1, 2):
            answer = self.look(worker, seq)
            self.assert_error(answer, seq, code, text)
            self.assertNotIn(KEY, json.dumps(answer))
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", ""))

    def test_what_is_asked_and_what_is_answered(self) -> None:
        usage = {"prompt_tokens": 321, "completion_tokens": 3, "total_tokens": 324}
        server = self.serve(say(completion("A bed. ALERT: no", usage=usage)))
        data = self.look(self.begin(server.url, max_tokens=7))["data"]
        self.assertGreater(data.pop("latency_ms"), 0)
        expected = {"text": "A bed. ALERT: no", "model": "tiny-vlm", "prompt_tokens": 321, "completion_tokens": 3}
        self.assertEqual(data, expected)
        ((path, headers, body),) = server.seen
        self.assertEqual(path, "/v1/chat/completions")
        self.assertEqual((headers["Authorization"], headers["Content-Type"]), (f"Bearer {KEY}", "application/json"))
        ((message),) = body.pop("messages")
        self.assertEqual(body, {"model": "tiny-vlm", "max_tokens": 7})
        text, image = message["content"]
        self.assertEqual((message["role"], text), ("user", {"type": "text", "text": "Who is in bed?"}))
        scheme, _, encoded = image["image_url"]["url"].partition(",")
        self.assertEqual((image["type"], scheme), ("image_url", "data:image/jpeg;base64"))
        self.assertEqual(base64.b64decode(encoded, validate=True), JPEG)

    def test_without_a_key(self) -> None:
        server = self.serve(say(completion()))
        self.assertEqual(self.look(self.begin(server.url, key=None))["data"]["text"], "A bed.")
        self.assertNotIn("Authorization", server.seen[0][1])

    def test_odd_but_usable_answers(self) -> None:
        for body, text in (
            (completion("half \ud800 a pair"), "half ? a pair"),
            (completion("x" * 20_000), "x" * 10_000),
            (completion(usage={"prompt_tokens": float("nan"), "completion_tokens": 2**60}), "A bed."),
        ):
            data = self.look(self.begin(self.serve(say(body)).url))["data"]
            self.assertEqual((data["text"], sorted(data)), (text, ["latency_ms", "model", "text"]))

    def test_error_statuses(self) -> None:
        for status in (401, 429, 500):
            self.fails(self.serve(say(f"bad key {KEY}".encode(), status)), "vlm_http_error", f"status {status}")

    def test_a_redirect_is_not_followed(self) -> None:
        other = self.serve(say(completion()))
        server = self.serve(say(b"", 302, Location=other.url))
        self.fails(server, "vlm_http_error", "status 302")
        self.assertEqual(other.seen, [])

    def test_answers_that_are_none(self) -> None:
        deep = b"[" * 200_000
        for body in (b"<html>", b"", b"[]", b"{}", b'{"choices": []}', completion(None), completion([]), deep):
            with self.subTest(body[:20]):
                self.fails(self.serve(say(body)), "vlm_invalid_answer", "the answer")
        self.fails(self.serve(say(b" " * 1_200_000)), "vlm_invalid_answer", "no chat completion")

    def test_nobody_listens(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            worker = self.begin(f"http://127.0.0.1:{unused.getsockname()[1]}")
            self.assert_error(self.look(worker), 1, "vlm_unreachable", "Connection refused")

    def test_a_connection_that_breaks(self) -> None:
        def breaks(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)

        worker = self.begin(self.serve(breaks).url)
        self.assert_error(self.look(worker), 1, "vlm_invalid_answer")

    def test_too_slow(self) -> None:
        def silent(handler: BaseHTTPRequestHandler) -> None:
            server.released.wait(WAIT_S)

        server = self.serve(silent)
        self.fails(server, "vlm_timeout", "no answer within 0.3 s", timeout_s=0.3)

    def test_dribbling(self) -> None:
        def dribbles(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not server.released.wait(0.05):
                handler.wfile.write(b" ")

        server = self.serve(dribbles)
        self.fails(server, "vlm_timeout", "no answer within 0.3 s", timeout_s=0.3)

    def test_heartbeats_while_it_waits(self) -> None:
        def when_released(handler: BaseHTTPRequestHandler) -> None:
            server.released.wait(WAIT_S)
            say(completion())(handler)

        server = self.serve(when_released)
        worker = self.begin(server.url)
        worker.send(frame_message(1, format="JPEG", data=JPEG))
        for _ in range(2):
            self.assertEqual(worker.says(), {"type": "heartbeat"})
        server.released.set()
        self.assertEqual(worker.answers()["data"]["text"], "A bed.")

    def test_options_that_cannot_be(self) -> None:
        for options, text in (
            ({}, "base_url"),
            ({"base_url": "file:///etc/passwd", "model": "m"}, "must begin with http"),
            ({"base_url": "http://x", "model": "m", "colour": 1}, "colour"),
        ):
            worker = self.start_example("vlm.py", options=options)
            self.assertEqual((worker.ends(), worker.rest()), (1, b""))
            self.assertIn(text, worker.log)
            self.assertNotIn("Traceback", worker.log)
