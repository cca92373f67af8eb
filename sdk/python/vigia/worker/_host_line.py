"""The two pipes between a worker and its host: the standard input and output of its start."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import sys
import threading
from typing import List, Optional

from ..errors import ProtocolError, WorkerError

FRAME_MESSAGE_LIMIT = 128 * 1024 * 1024
"""Longest message of the host in bytes, without its length: 8K in RGB24 fits."""
_SMALLEST_BUFFER = 4096
_SLACK = 256
"""Extra bytes of a buffer beyond its first message: the next one has a longer `seq`, or age."""
_LENGTH = struct.Struct(">I")
_ABOVE_STANDARD = 3


class MessageReader:
    """Reads messages, all into the same memory unless a view of it exists."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = bytearray(_LENGTH.size)
        self._buffer = bytearray(_SMALLEST_BUFFER)

    def next(self) -> Optional[memoryview]:
        """Blocks for the next message: a read-only view. None at the end of input, also in the middle of a message.

        The memory belongs to this message until the last view of it is gone. Raises ProtocolError for one that is too
        long.
        """
        if not self._fill(memoryview(self._head)):
            return None
        size = _LENGTH.unpack(self._head)[0]
        if size > FRAME_MESSAGE_LIMIT:
            raise ProtocolError(
                "frame_too_large", f"a message of {size} bytes was announced, at most {FRAME_MESSAGE_LIMIT} are allowed"
            )
        if not self._reusable(size):
            self._buffer = bytearray(size + _SLACK)
        body = memoryview(self._buffer)[:size]
        return body.toreadonly() if self._fill(body) else None

    def _reusable(self, size: int) -> bool:
        if size > len(self._buffer):
            return False
        try:
            # A bytearray refuses to change its length while a view of it exists. One byte less and one more moves
            # nothing.
            self._buffer.pop()
        except BufferError:
            return False
        self._buffer.append(0)
        return True

    def _fill(self, view: memoryview) -> bool:
        """Reads until the view is full. False at the end of input."""
        done = 0
        while done < len(view):
            try:
                count = os.readv(self._descriptor, [view[done:]])
            except ConnectionError:
                return False  # A host that was killed with unread bytes: a reset, where the pipes are sockets.
            if count == 0:
                return False
            done += count
        return True


class HostLine:
    """Messages to and from the host. Belongs to the process that created it, not to children made by ``fork``.

    Sending is for any thread, receiving for one. When the host has died, ``receive`` returns None and ``send`` does
    nothing: the end of a worker, not a failure.
    """

    def __init__(self, read_descriptor: int, write_descriptor: int) -> None:
        self._reader = MessageReader(read_descriptor)
        self._descriptor = write_descriptor
        self._pid = os.getpid()
        self._writing = threading.Lock()
        self._gone = False
        self._begun = False

    @property
    def ours(self) -> bool:
        """Whether this process created it."""
        return os.getpid() == self._pid

    def begin(self, ready: bytes) -> None:
        """Sends the ``ready`` message. Raises WorkerError ``frames_taken`` the second time."""
        if self._begun:
            raise WorkerError("frames_taken", "frames() was looped over before; a worker has one loop")
        self._begun = True
        self.send(ready)

    def receive(self) -> Optional[memoryview]:
        """The next message, see MessageReader.next; None once the host has died."""
        return None if self._gone else self._reader.next()

    def send(self, body: bytes) -> None:
        """Writes one message; waits until the host has taken it. Raises WorkerError ``not_a_worker`` in a child."""
        if not self.ours:
            raise WorkerError("not_a_worker", "a process that a worker forked cannot speak to vigia; its parent can")
        left = memoryview(_LENGTH.pack(len(body)) + body)
        with self._writing:
            try:
                while left and not self._gone:
                    left = left[os.write(self._descriptor, left) :]
            except ConnectionError:
                self._gone = True


_line: Optional[HostLine] = None


def take_standard_streams() -> None:
    """Takes standard input and output for the protocol, if vigia started this process. Once; later calls do nothing.

    From now on all output to standard output goes to standard error, which is the worker's log, and standard input is
    empty. ``VIGIA_TRANSPORT`` is removed from the environment: children are no workers.
    """
    global _line
    if os.environ.pop("VIGIA_TRANSPORT", None) is None:
        return
    # Private: closed in child programs, and never one of 0 to 2.
    taken = [fcntl.fcntl(standard, fcntl.F_DUPFD_CLOEXEC, _ABOVE_STANDARD) for standard in (0, 1)]
    for descriptor in taken:
        os.set_blocking(descriptor, True)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # It was a pipe, so Python would buffer many lines.
        sys.stdout.reconfigure(line_buffering=True)
    _line = HostLine(*taken)
    close_in_forks(taken)


def close_in_forks(descriptors: List[int]) -> None:
    """Closes them in forks as well: a surviving fork would hide the worker's end from vigia."""
    left = list(descriptors)

    def close() -> None:
        # Once: in forks of forks these numbers may belong to other files.
        while left:
            os.close(left.pop())

    os.register_at_fork(after_in_child=close)


def host_line() -> Optional[HostLine]:
    """The line to the host; None where this process is not a worker."""
    return _line if _line is not None and _line.ours else None
