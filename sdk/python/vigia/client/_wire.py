"""A connection on which every wait ends."""

from __future__ import annotations

import io
import socket
import time


class Wire:
    """A connected socket in the form that http.client reads: each wait ends at a deadline, or when somebody cuts it."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        """``deadline``: of the monotonic clock, seconds."""
        self._socket = connected
        self._deadline = deadline

    def extend(self, seconds: float) -> None:
        """Sets another deadline, from now."""
        self._deadline = time.monotonic() + seconds

    def sendall(self, data: bytes) -> None:
        """Sends everything. Raises OSError, and socket.timeout at the deadline."""
        self._limit()
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Reads from this connection. ``mode``: as http.client asks, for reading."""
        return io.BufferedReader(_Incoming(self))

    def receive_into(self, buffer: memoryview) -> int:
        """Waits for some bytes; 0 at the end. Raises OSError, and socket.timeout at the deadline."""
        self._limit()
        return self._socket.recv_into(buffer)

    def cut(self) -> None:
        """Ends every wait on it. For any thread."""
        try:
            # Not that of SSLSocket, which would make another thread read what is encrypted.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            pass  # It has ended already.

    def close(self) -> None:
        """Closes it. Idempotent."""
        self._socket.close()

    def _limit(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._socket.settimeout(left)


class _Incoming(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._wire.receive_into(buffer)
