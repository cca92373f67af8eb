"""Asks a vision language model about the newest picture, through OpenAI's chat completions API, which many servers
support.

Options: {"base_url": "http://127.0.0.1:8000/v1", "model": "…", "prompt": "…", "max_tokens": 100, "timeout_s": 30,
"proxy": false}. A key, if the server requires one, is read from the environment variable VLM_API_KEY and appears in no
message and no result.
"""

import base64
import http.client
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python"))
import vigia  # noqa: E402 - found by the line above

ANSWER_LIMIT = 1024 * 1024  # Bytes read of an answer,
REFUSAL_LIMIT = 64 * 1024  # and of a server's error.
TEXT_LIMIT = 10_000  # Characters passed on,
LINE_LIMIT = 200  # and per line on standard error.
BEAT_S = 1.0  # Interval of heartbeats.
SPARE_S = 5.0  # A request that takes this much longer than its timeout hangs.


def is_address(value):
    """Whether it is a base for paths and acceptable to urllib."""
    if not isinstance(value, str) or not re.fullmatch("https?://[!-~]+", value) or set("?#") & set(value):
        return False
    try:
        parts = urllib.parse.urlsplit(value)
        # As used for name resolution; an invalid port raises, too.
        return bool(parts.hostname.encode("idna")) and parts.port != 0 and "@" not in parts.netloc
    except (ValueError, AttributeError):
        return False


DEFAULTS = {"prompt": "What do you see?", "max_tokens": 100, "timeout_s": 30, "proxy": False}
ALLOWED = {  # A description of the allowed values, and a check.
    "base_url": ("http:// or https://, a host, and maybe a port and a path", is_address),
    "model": ("a text of printable characters", lambda value: isinstance(value, str) and value and value.isprintable()),
    "prompt": ("a text", lambda value: isinstance(value, str)),
    "max_tokens": ("a whole number from 1 on", lambda value: type(value) is int and value >= 1),
    "timeout_s": ("a number above 0, up to 3600,", lambda value: type(value) in (int, float) and 0 < value <= 3600),
    "proxy": ("true or false", lambda value: isinstance(value, bool)),
}


def checked(options):
    """The options with defaults. Raises SystemExit: vigia then shows the sentence once, not an error for every picture.
    """
    for name in options:
        if name not in ALLOWED:
            raise SystemExit(f"options: found {shown(name)}; {', '.join(ALLOWED)} are allowed")
    options = {**DEFAULTS, **options}
    for name, (allowed, fits) in ALLOWED.items():
        if not fits(options.get(name)):
            raise SystemExit(f"options.{name}: found {shown(options.get(name))}; {allowed} is allowed")
    return options


def shown(value):
    """The value found, if it is short: an address may contain a password, and a key may be in any option."""
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 12 else f"something of {len(text)} characters"


def api_key():
    """The key, or an empty string. Raises SystemExit."""
    key = os.environ.get("VLM_API_KEY", "").strip()
    if not re.fullmatch("[!-~]*", key):
        raise SystemExit("VLM_API_KEY: found a character unfit for a header; printable ASCII without spaces is allowed")
    return key


class Unanswered(Exception):
    """There is no text for this picture: a code and one sentence, which contains at most a short code of the server's
    message.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would send the key to any address the server names."""

    def http_error_302(self, *_):
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class Model:
    """One request at a time. Validates `options` and the key."""

    def __init__(self, options, key):
        self._options, self._key = options, key
        self._url = options["base_url"].rstrip("/") + "/chat/completions"
        # Otherwise urllib sends pictures of a room through any proxy in the environment.
        no_proxy = [] if options["proxy"] else [urllib.request.ProxyHandler({})]
        self._opener = urllib.request.build_opener(NoRedirects, *no_proxy)

    def ask(self, jpeg):
        """The answer to a picture, as data for a result. Raises Unanswered."""
        started, timeout_s = time.monotonic(), self._options["timeout_s"]
        picture = base64.b64encode(jpeg).decode()
        request = self._request(picture)
        try:
            body = self._post(request, started + timeout_s)
        except urllib.error.HTTPError as error:
            raise self._refused(error, picture, started + timeout_s) from None
        # ValueError: an invalid proxy address.
        except (http.client.HTTPException, OSError, OverflowError, ValueError) as error:
            if isinstance(getattr(error, "reason", error), socket.timeout):
                raise Unanswered("vlm_timeout", f"no answer within {timeout_s} s") from None
            raise Unanswered("vlm_unreachable", f"the server cannot be reached: {cause_of(error)}") from None
        data = answer_in(body)
        latency_ms = round((time.monotonic() - started) * 1000, 1)
        return {**data, "model": self._options["model"], "latency_ms": latency_ms}

    def _request(self, picture):
        image = {"url": "data:image/jpeg;base64," + picture}
        content = [{"type": "text", "text": self._options["prompt"]}, {"type": "image_url", "image_url": image}]
        messages = [{"role": "user", "content": content}]
        body = {"model": self._options["model"], "max_tokens": self._options["max_tokens"], "messages": messages}
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return urllib.request.Request(self._url, json.dumps(body).encode(), headers)

    def _post(self, request, deadline):
        """The body of the answer."""
        with self._opener.open(request, timeout=self._options["timeout_s"]) as response:
            body = read(response, ANSWER_LIMIT + 1, deadline)
        if len(body) > ANSWER_LIMIT:
            raise Unanswered("vlm_invalid_answer", f"the answer is longer than {ANSWER_LIMIT} bytes")
        return body

    def _refused(self, error, picture, deadline):
        """The Unanswered for a status. The server's message goes to standard error, unless it repeats our request."""
        sent = ((self._key, 6), (printable(self._options["prompt"]), 12), (picture, 12))
        said = {
            name: words
            for name, words in said_in(error, deadline).items()
            if not any(repeats(words, text, run) for text, run in sent)
        }
        status = f"the server answered with status {error.code}"
        if error.code >= 400:
            print(": ".join(["vlm", status, *said.values()])[:LINE_LIMIT], file=sys.stderr)
        for name in ("code", "type"):
            if re.fullmatch("[A-Za-z][A-Za-z0-9_.-]{0,39}", said.get(name, "")):
                return Unanswered("vlm_http_error", f"{status} ({said[name]})")
        return Unanswered("vlm_http_error", status)


def read(response, limit, deadline):
    """A body of at most `limit` bytes. urllib's timeout applies to each read: a server that sends slowly never exceeds
    it.
    """
    body = b""
    while len(body) < limit:
        part = response.read1(min(65_536, limit - len(body)))
        if not part:
            break
        if time.monotonic() > deadline:
            raise socket.timeout
        body += part
    return body


def answer_in(body):
    """Text and counts of a chat completion. Raises Unanswered."""
    try:
        answer = json.loads(body)
        text = answer["choices"][0]["message"]["content"]
        usage = answer.get("usage") or {}
        counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Unanswered("vlm_invalid_answer", "the answer is no chat completion") from None
    if not isinstance(text, str):
        raise Unanswered("vlm_invalid_answer", "the answer has no text")
    # JSON allows half a surrogate pair, and absurd numbers.
    text = text[:TEXT_LIMIT].encode(errors="replace").decode()
    counts = {name: count for name, count in counts.items() if isinstance(count, int) and 0 <= count < 2**31}
    return {"text": text, **counts}


def said_in(error, deadline):
    """The server's error in the form {"error": {"code", "type", "message"}}; empty for other bodies."""
    try:
        with error:
            said = json.loads(read(error, REFUSAL_LIMIT, deadline))["error"]
        said = {name: said.get(name) for name in ("code", "type", "message")}
    except (http.client.HTTPException, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: printable(str(words))[:LINE_LIMIT] for name, words in said.items() if isinstance(words, (str, int))}


def printable(text):
    """One line of ASCII: other characters become spaces."""
    return " ".join(re.findall("[!-~]+", text))


def repeats(words, sent, run):
    """Whether `words` repeat a run of this many characters of our request, or all of it if that is shorter."""
    run = min(run, len(sent))
    return run > 0 and any(words[i : i + run] in sent for i in range(len(words) - run + 1))


def cause_of(error):
    """The system's reason; it contains no address and no key."""
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or type(reason).__name__


@contextmanager
def heartbeats(for_s):
    """Sends heartbeats while the worker waits, but not for ever, because it may really hang.

    No timeout covers name resolution, or a server that sends its headers slowly.
    """
    done, until = threading.Event(), time.monotonic() + for_s

    def beat():
        while not done.wait(BEAT_S) and time.monotonic() < until:
            vigia.heartbeat()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main():
    options = checked(vigia.options())
    model = Model(options, api_key())
    for frame in vigia.frames(name="vlm", format="JPEG"):
        try:
            with heartbeats(options["timeout_s"] + SPARE_S):
                data = model.ask(frame.pixels)
        except Unanswered as problem:
            frame.error(str(problem), problem.code)
        else:
            frame.result(data=data)


if __name__ == "__main__":
    main()
