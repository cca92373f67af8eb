"""One request, and its text on the wire."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode

_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class Request(NamedTuple):
    """What a route is sent."""

    method: str
    path: str
    """With `{name}` for each parameter."""
    params: Mapping[str, str] = {}
    query: Mapping[str, object] = {}
    """None is left out, a bool is `1` or `0`. `from_` stands for `from`."""
    body: Any = None
    """An object is sent as JSON, text as YAML."""
    if_match: Optional[int] = None
    key: Optional[str] = None

    def address(self) -> str:
        """The path with its parameters and query. Raises ValueError for a parameter that would lead to another route."""
        filled = self.path
        for name, value in self.params.items():
            if value in ("", ".", ".."):
                raise ValueError(f'{name}: an id is expected, found "{value}"')
            filled = filled.replace(f"{{{name}}}", quote(value, safe=""))
        asked = {name.rstrip("_"): _text_of(value) for name, value in self.query.items() if value is not None}
        return f"{filled}?{urlencode(asked)}" if asked else filled

    def content(self) -> Tuple[Dict[str, str], bytes]:
        """Headers of its own, and the body. Raises TypeError or ValueError for a body that is no JSON."""
        headers: Dict[str, str] = {}
        if self.if_match is not None:
            headers["If-Match"] = f'"{self.if_match}"'
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        if self.body is None:
            return headers, b""
        is_text = isinstance(self.body, str)
        headers["Content-Type"] = "application/yaml" if is_text else "application/json"
        return headers, (self.body if is_text else json.dumps(self.body, allow_nan=False)).encode()


def head(method: str, address: str, headers: Mapping[str, str]) -> bytes:
    """The first lines of a request. Raises ValueError for what cannot stand in a header; the text has no value of one."""
    if _CONTROL.search(address):
        raise ValueError("the address has a space or a control character")
    for name, value in headers.items():
        if not _PRINTABLE.fullmatch(value):
            raise ValueError(f"{name}: only printable ASCII characters can stand in a header")
    lines = [f"{method} {address} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


def _text_of(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


class Sender:
    """What the methods of the routes need."""

    def _bytes(self, request: Request) -> bytes:
        raise NotImplementedError

    def _text(self, request: Request) -> str:
        raise NotImplementedError

    def _json(self, request: Request) -> Any:
        raise NotImplementedError
