"""Where a node listens."""

from __future__ import annotations

import socket
import ssl
from typing import NamedTuple, Optional
from urllib.parse import urlsplit


class Address(NamedTuple):
    """A port, with TLS or without, or a Unix socket. Proxies of the environment are not used."""

    where: str
    """For sentences; without a user and a password."""
    host: str
    """The `Host` of a request."""
    name: str
    port: int
    path: Optional[str] = None
    """Of a Unix socket, in place of name and port."""
    tls: Optional[ssl.SSLContext] = None
    prefix: str = ""
    """Of each route, behind a proxy that the caller chose."""

    def connect(self, timeout: float) -> socket.socket:
        """Opens a connection. Raises OSError."""
        if self.path is None:
            return self._connect_tcp(timeout)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.settimeout(timeout)
            opened.connect(self.path)
            return opened
        except BaseException:
            opened.close()
            raise

    def _connect_tcp(self, timeout: float) -> socket.socket:
        opened = socket.create_connection((self.name, self.port), timeout)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened if self.tls is None else self.tls.wrap_socket(opened, server_hostname=self.name)
        except BaseException:
            opened.close()
            raise


def of_socket(path: str) -> Address:
    """A node's control socket."""
    return Address(where=path, host="localhost", name="", port=0, path=path)


def of_url(url: str, ca_file: Optional[str]) -> Address:
    """A node's port: `http://127.0.0.1:8470`. Raises ValueError; OSError for a file of authorities that is not usable."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("url: http://HOST:PORT or https://HOST:PORT is expected")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url: no user and no password; use token or login()")
    if parts.scheme == "http" and ca_file is not None:
        raise ValueError("ca_file: for https:// only")
    tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
    port = parts.port or (80 if tls is None else 443)
    where = f"{parts.scheme}://{parts.netloc}"
    return Address(where, parts.netloc, parts.hostname, port, tls=tls, prefix=parts.path.rstrip("/"))
