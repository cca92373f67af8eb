"""examples/workers/vlm.py against a server on this machine, which is also made to fail."""

from __future__ import annotations

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

from .worker_support import REPOSITORY, Worker, WorkerCase, frame_message

JPEG = b"\xff\xd8\xff\xe0 not much of a picture \xff\xd9"
KEY = "sk-not-to-be-seen"
PROMPT = "Who is in bed?"
WAIT_S = 15


def completion(text: Any = "A bed.", **more: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"message": message}], **more}).encode()


class Server:
    """Answers each request as configured. ``seen``: path, headers and body of all requests."""

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
                    pass  # The worker closed the connection, as it should.

            def log_message(self, *_: Any) -> None:
                """None of it belongs on the terminal."""

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

    def begin(
        self, url: str, key: Optional[str] = KEY, environment: Optional[Dict[str, Optional[str]]] = None, **more: Any
    ) -> Worker:
        options = {"base_url": url, "model": "tiny-vlm", "prompt": PROMPT, **more}
        variables = {"VLM_API_KEY": key, **(environment or {})}
        worker = self.start_example("vlm.py", options=options, environment=variables)
        self.assertEqual(worker.answers()["wants"], {"format": "JPEG"})
        return worker

    def look(self, worker: Worker, seq: int = 1) -> Dict[str, Any]:
        return worker.ask(frame_message(seq, format="JPEG", data=JPEG))

    def fails(self, server: Server, code: str, text: str, line: str = "", **options: Any) -> None:
        """Fails with that code, reveals no secret, logs that line, and continues."""
        worker = self.begin(server.url, **options)
        for seq in (1, 2):
            answer = self.look(worker, seq)
            self.assert_error(answer, seq, code, text)
            self.assertNotIn(KEY, json.dumps(answer))
        worker.send({"type": "stop"})
        self.assertEqual((worker.ends(), worker.rest(), worker.log), (0, b"", 2 * line))

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
        self.assertEqual((message["role"], text), ("user", {"type": "text", "text": PROMPT}))
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

    def test_usage_that_is_not_told(self) -> None:
        for usage in ({}, {"usage": None}, {"usage": {"prompt_tokens": None}}):
            data = self.look(self.begin(self.serve(say(completion(**usage))).url))["data"]
            self.assertEqual(sorted(data), ["latency_ms", "model", "text"])

    def refuses(self, said: Any, line: str, text: str = "with status 400", status: int = 400) -> None:
        """A server's error, and the resulting line on standard error and message."""
        body = said if isinstance(said, bytes) else json.dumps({"error": said}).encode()
        with self.subTest(body[:60]):
            line = f"vlm: the server answered with status {status}{line}\n"
            self.fails(self.serve(say(body, status)), "vlm_http_error", text, line)

    def test_error_statuses(self) -> None:
        said = {"message": "No such\nm\u00f6del \u2026 here", "type": "invalid_request", "code": "no_such_model"}
        line = ": no_such_model: invalid_request: No such m del here"
        self.refuses(said, line, "with status 404 (no_such_model)", 404)
        said = {"message": "Wait.", "type": "overloaded", "code": 529}
        self.refuses(said, ": 529: overloaded: Wait.", "with status 400 (overloaded)")
        # A line of 200 characters.
        self.refuses({"code": "not a code", "message": "x" * 500}, ": not a code: " + "x" * 146)

    def test_error_statuses_without_a_reason(self) -> None:
        for status in (401, 429, 500):
            self.refuses(f"bad key {KEY}".encode(), "", f"status {status}", status)
        for said in ("no", None, [], {}, {"code": None, "type": [], "message": {}}):
            self.refuses(said, "")
        for body in (b"", b"[]", b"[" * 60_000, b'{"error": {"code": "c"}' + b" " * 65_536 + b"}"):
            self.refuses(body, "")

    def test_an_error_that_repeats_what_was_sent(self) -> None:
        picture = base64.b64encode(JPEG).decode()
        for quoted in (KEY, f"key {KEY[:9]}***", f"{{'text': '{PROMPT}'}}", f"bad ...{picture[-16:]}"):
            self.refuses({"message": f"Invalid: {quoted}", "code": "invalid"}, ": invalid", "400 (invalid)")
        self.refuses({"code": KEY, "type": KEY[3:], "message": "no"}, ": no")

    def test_an_error_that_does_not_end(self) -> None:
        def dribbles(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 500 Oh\r\n\r\n")
            while not server.released.wait(0.05):
                handler.wfile.write(b" ")

        server = self.serve(dribbles)
        line = "vlm: the server answered with status 500\n"
        self.fails(server, "vlm_http_error", "with status 500", line, timeout_s=0.3)

    def test_a_redirect_is_not_followed(self) -> None:
        other = self.serve(say(completion()))
        for location in (other.url, "http://["):
            server = self.serve(say(b"", 302, Location=location))
            self.fails(server, "vlm_http_error", "status 302")
        self.assertEqual(other.seen, [])

    def test_only_the_option_leads_through_a_proxy(self) -> None:
        proxy, server = self.serve(say(completion("A proxy."))), self.serve(say(completion()))
        told = {"http_proxy": proxy.url, "no_proxy": None, "NO_PROXY": None}
        for options, text in (({}, "A bed."), ({"proxy": False}, "A bed."), ({"proxy": True}, "A proxy.")):
            worker = self.begin(server.url, environment=told, **options)
            self.assertEqual(self.look(worker)["data"]["text"], text)
        self.assertEqual((len(server.seen), len(proxy.seen)), (2, 1))

    def test_a_proxy_that_cannot_be(self) -> None:
        for proxy in (f"http:/u:{KEY}@x", "http://127.0.0.1:99999999999999999999", f"socks5://u:{KEY}@127.0.0.1"):
            told = {"http_proxy": proxy, "no_proxy": None, "NO_PROXY": None}
            worker = self.begin("http://127.0.0.1:9", environment=told, proxy=True)
            answer = self.look(worker)
            self.assert_error(answer, 1, "vlm_unreachable")
            worker.send({"type": "stop"})
            self.assertNotIn(KEY, json.dumps(answer))
            self.assertEqual(worker.log, "")

    def test_answers_that_are_none(self) -> None:
        deep = b"[" * 200_000
        for body in (b"<html>", b"", b"[]", b"{}", b'{"choices": []}', completion(None), completion([]), deep):
            with self.subTest(body[:20]):
                self.fails(self.serve(say(body)), "vlm_invalid_answer", "the answer")
        self.fails(self.serve(say(b" " * 1_200_000)), "vlm_invalid_answer", "longer than 1048576 bytes")

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

    def test_no_heartbeats_of_a_call_that_hangs(self) -> None:
        def dribbles(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(30):
                server.released.wait(0.05)
                handler.wfile.write(b".")
            handler.wfile.write(b"\r\n\r\n" + completion())

        server = self.serve(dribbles)
        options = {"base_url": server.url, "model": "m", "timeout_s": 0.5}
        folder = str(REPOSITORY / "examples/workers")
        faster = "vlm.BEAT_S, vlm.SPARE_S = 0.05, 0.2"
        worker = self.start(
            f"import sys; sys.path.insert(0, {folder!r}); import vlm; {faster}; vlm.main()",
            {"VIGIA_WORKER_OPTIONS": json.dumps(options), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.assertEqual(worker.says()["type"], "ready")
        worker.send(frame_message(1, format="JPEG", data=JPEG))
        beats, message = 0, worker.says()
        while message == {"type": "heartbeat"}:
            beats, message = beats + 1, worker.says()
        self.assert_error(message, 1, "vlm_timeout")
        # For 0.7 of the 1.5 s that the headers took.
        self.assertTrue(1 <= beats <= 14, beats)

    def refuses_to_start(self, sentence: str, options: Dict[str, Any], key: Optional[str] = KEY) -> None:
        with self.subTest(sentence):
            worker = self.start_example("vlm.py", options=options, environment={"VLM_API_KEY": key})
            self.assertEqual((worker.ends(), worker.rest()), (1, b""))
            self.assertTrue(worker.log.startswith(sentence), worker.log)
            # vigia shows the last line, up to this length.
            self.assertEqual((worker.log.count("\n"), len(worker.log) <= 160), (1, True), worker.log)
            self.assertNotIn("sk-", worker.log)

    def test_options_that_cannot_be(self) -> None:
        good = {"base_url": "http://x", "model": "m"}
        for name, value, found in (
            ("base_url", None, "nothing; http:// or https://, a host, "),
            ("base_url", f"http://user:{KEY}@x", "something of "),
            ("max_tokens", 0, "0; a whole number from 1 on is allowed\n"),
            ("max_tokens", True, "true; "),
            ("model", "", '""; a text of printable characters is allowed\n'),
            ("model", "a\ud800", '"a\\ud800"; '),
            ("prompt", 5, "5; a text is allowed\n"),
            ("prompt", None, "nothing; a text is allowed\n"),
            ("proxy", "yes", '"yes"; true or false is allowed\n'),
            ("timeout_s", "30", '"30"; a number above 0, up to 3600, is allowed\n'),
            ("timeout_s", 0, "0; "),
            ("timeout_s", 3601, "3601; "),
            ("timeout_s", float("nan"), "NaN; "),
        ):
            self.refuses_to_start(f"options.{name}: found {found}", {**good, name: value})
        self.refuses_to_start('options: found "colour"; base_url, model, ', {**good, "colour": 1})
        self.refuses_to_start("options: found something of ", {**good, KEY: 1})
        self.refuses_to_start("options.base_url: found nothing; ", {})

    def test_addresses_that_cannot_be(self) -> None:
        ends = ("", ":80/v1", "x:y", "x:99999", "x y", "x\n", "x..y", "x/v1?key=a", "x/#a", "[::1", "m\u00f6")
        for url in ("x", "file:///etc/passwd", *(f"http://{end}" for end in ends)):
            self.refuses_to_start("options.base_url: found ", {"base_url": url, "model": "m"})
        for url in ("https://x.example:8443/a/b/", "http://[::1]:8000/v1"):
            self.begin(url)

    def test_a_key_that_cannot_be(self) -> None:
        for key in ("sk-n\u00f6", "sk-a\u20ac", "sk-a sk-b", "sk-a\nsk-b", "sk-\x7f"):
            sentence = "VLM_API_KEY: found a character unfit for a header; printable ASCII without spaces is allowed\n"
            self.refuses_to_start(sentence, {"base_url": "http://x", "model": "m"}, key)
        self.begin("http://x", key=f" {KEY}\n")
