"""Asks a vision language model about the newest picture, by OpenAI's chat completions, which many servers speak.

Options: {"base_url": "http://127.0.0.1:8000/v1", "model": "…", "prompt": "…", "max_tokens": 100, "timeout_s": 30}.
The key, where the server wants one, comes in the environment variable VLM_API_KEY; it is in no message and no result.
"""

import base64
import http.client
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python"))
import vigia  # noqa: E402 - found by the line above

ANSWER_LIMIT = 1024 * 1024  # Bytes that are read of an answer.
TEXT_LIMIT = 10_000  # Characters that are passed on.


class Unanswered(Exception):
    """There is no text for this picture: a code, and one sentence without anything that the server said."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key along to whatever address the server names."""

    def redirect_request(self, *_):
        return None


class Model:
    """One question at a time."""

    def __init__(self, base_url, model, prompt="What do you see?", max_tokens=100, timeout_s=30):
        if not base_url.startswith(("http://", "https://")):
            raise SystemExit("options.base_url must begin with http:// or https://")
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model, self._prompt, self._max_tokens, self._timeout_s = model, prompt, max_tokens, timeout_s
        self._opener = urllib.request.build_opener(NoRedirects)

    def ask(self, jpeg):
        """The answer to a picture, as data for a result. Raises Unanswered."""
        started = time.monotonic()
        try:
            answer = json.loads(self._post(self._request(jpeg), started + self._timeout_s))
            text = answer["choices"][0]["message"]["content"]
            counts = {name: answer.get("usage", {}).get(name) for name in ("prompt_tokens", "completion_tokens")}
        except urllib.error.HTTPError as error:
            error.close()
            raise Unanswered("vlm_http_error", f"the server answered with status {error.code}") from None
        except (http.client.HTTPException, OSError) as error:
            if isinstance(getattr(error, "reason", error), socket.timeout):
                raise Unanswered("vlm_timeout", f"no answer within {self._timeout_s} s") from None
            raise Unanswered("vlm_unreachable", f"the server cannot be reached: {cause_of(error)}") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Unanswered("vlm_invalid_answer", "the answer is no chat completion") from None
        if not isinstance(text, str):
            raise Unanswered("vlm_invalid_answer", "the answer has no text")
        latency_ms = round((time.monotonic() - started) * 1000, 1)
        # JSON can say half a surrogate pair, and numbers that nobody has.
        text = text[:TEXT_LIMIT].encode(errors="replace").decode()
        counts = {name: count for name, count in counts.items() if isinstance(count, int) and 0 <= count < 2**31}
        return {"text": text, "model": self._model, "latency_ms": latency_ms, **counts}

    def _request(self, jpeg):
        picture = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
        content = [{"type": "text", "text": self._prompt}, {"type": "image_url", "image_url": {"url": picture}}]
        messages = [{"role": "user", "content": content}]
        body = {"model": self._model, "max_tokens": self._max_tokens, "messages": messages}
        headers = {"Content-Type": "application/json"}
        key = os.environ.get("VLM_API_KEY", "").strip()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return urllib.request.Request(self._url, json.dumps(body).encode(), headers)

    def _post(self, request, deadline):
        """The body of the answer. The timeout of urllib is per read: a server that dribbles never exceeds it."""
        with self._opener.open(request, timeout=self._timeout_s) as response:
            body = b""
            while len(body) <= ANSWER_LIMIT:
                part = response.read1(65_536)
                if not part:
                    return body
                if time.monotonic() > deadline:
                    raise socket.timeout
                body += part
        raise ValueError("the answer is too long")


def cause_of(error):
    """Why, in the system's words; they name no address and no key."""
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or type(reason).__name__


@contextmanager
def heartbeats(every_s=1.0):
    """Tells vigia meanwhile that the worker waits, and does not hang."""
    done = threading.Event()

    def beat():
        while not done.wait(every_s):
            vigia.heartbeat()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main():
    try:
        model = Model(**vigia.options())
    except TypeError as error:
        raise SystemExit(f"options: {error}") from None
    for frame in vigia.frames(name="vlm", format="JPEG"):
        try:
            with heartbeats():
                data = model.ask(frame.pixels)
        except Unanswered as problem:
            frame.error(str(problem), problem.code)
        else:
            frame.result(data=data)


if __name__ == "__main__":
    main()
