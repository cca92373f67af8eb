"""A supplier for tests: real shared memory, a real Unix socket, the supplier's side of docs/protocol/frame-readers.md.

One thread serves the socket; the test's thread calls ``publish`` and the other methods. A lock makes the supplier a
single actor, as the protocol requires.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import platform
import select
import socket
import struct
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from .picture import Picture
from .segment_writer import SeatTable, SegmentWriter

STALE_AFTER_NS = 1_000_000_000


@dataclass
class Seated:
    """A reader as its supplier sees it."""

    id: str
    index: int
    connection: socket.socket
    page: mmap.mmap
    wake: str
    pending: Optional[Tuple[int, int]] = None  # frame id, captured
    delivered: int = 0
    slot: Optional[int] = None  # held by the reader
    results: Dict[str, int] = field(default_factory=lambda: {"ok": 0, "expired": 0, "overwritten": 0})
    expired_before: int = 0

    def count(self, offset: int) -> int:
        return struct.unpack_from("@I", self.page, offset)[0]


class Supplier:
    """``answer`` replaces the answer to every attach; None: no answer."""

    def __init__(self, seats: int = 4, picture: Optional[Picture] = None, answer: object = ...) -> None:
        self.lock = threading.RLock()
        name = f"vigia_pytest{os.getpid()}_{os.urandom(3).hex()}"
        self.segment_path = f"/dev/shm/{name}"
        self._folder = tempfile.TemporaryDirectory()
        self.socket_path = f"{self._folder.name}/supplier.sock"
        self.picture = picture or Picture()
        self.table = SeatTable(f"{self.segment_path}.seats", seats)
        self.segment: Optional[SegmentWriter] = None
        self.successor()
        self.readers: Dict[int, Seated] = {}
        self.frame_id = 0
        self.requests: List[bytes] = []
        self.beating = True
        self._rendered: Optional[Tuple[int, int, int]] = None  # frame id, slot, generation
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.socket_path)
        self._listener.listen(8)
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Supplier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Actions of a test.

    def publish(self, age_ms: float = 0) -> int:
        """A new frame of the given age. Returns its number."""
        with self.lock:
            self.frame_id += 1
            captured = time.monotonic_ns() - int(age_ms * 1e6)
            for reader in list(self.readers.values()):
                reader.results["overwritten"] += reader.pending is not None
                reader.pending = (self.frame_id, captured)
                self._look(reader)
            return self.frame_id

    def successor(self, picture: Optional[Picture] = None) -> None:
        """Closes the segment and creates another one under the same path."""
        with self.lock:
            if self.segment is not None:
                self.segment.close()
            self.picture = picture or self.picture
            self.segment = SegmentWriter(self.segment_path, 4, self.picture.byte_length)
            self._rendered = None

    def rewrite(self, slot: int) -> None:
        """Simulates a slot that was held for too long."""
        with self.lock:
            self.segment.begin(slot)
            self.segment.write_pixels(slot, b"\xee" * self.picture.byte_length)

    def end_seat(self, index: int) -> None:
        """Unsubscribes a reader."""
        with self.lock:
            self.table.set(index, 4, 2)
            self._wake(self.readers[index])

    def drop(self, index: int, reset: bool = False) -> None:
        """Closes a reader's socket without notice. ``reset``: with unread bytes in it."""
        with self.lock:
            connection = self.readers.pop(index).connection
            if not reset:
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits up to 5 s for an effect of the serving thread."""
        limit = time.monotonic() + 5
        while True:
            with self.lock:
                if condition():
                    return
            if time.monotonic() > limit:
                raise AssertionError("the supplier did not get there")
            time.sleep(0.001)

    def close(self) -> None:
        """Ends every reader and removes everything. Idempotent."""
        if self._folder is None:
            return
        os.write(self._stop_w, b"x")
        self._thread.join()
        for index, reader in list(self.readers.items()):
            self.table.set(index, 4, 2)
            self._wake(reader)
            reader.connection.close()
            reader.page.close()
        self._listener.close()
        os.close(self._stop_r)
        os.close(self._stop_w)
        self.segment.close()
        self.table.close()
        self._folder.cleanup()
        self._folder = None

    # The supplier itself.

    def _serve(self) -> None:
        silent: List[socket.socket] = []
        while True:
            with self.lock:
                by_connection = {reader.connection: reader for reader in self.readers.values()}
            ready = select.select([self._stop_r, self._listener, *by_connection], [], [], 0.1)[0]
            with self.lock:
                if self.beating:
                    self.table.heartbeat()
                if self._stop_r in ready:
                    for connection in silent:
                        connection.close()
                    return
                if self._listener in ready:
                    connection = self._listener.accept()[0]
                    if self._admit(connection) is None:
                        silent.append(connection)
                for connection, reader in by_connection.items():
                    if connection in ready and reader.index in self.readers:
                        self._hear(reader)

    def _admit(self, connection: socket.socket) -> Optional[bool]:
        length = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))[0]
        body = connection.recv(length, socket.MSG_WAITALL)
        self.requests.append(struct.pack(">I", length) + body)
        if self._answer is None:
            return None
        if self._answer is not ...:
            self._send(connection, self._answer)
            connection.close()
            return False
        request = json.loads(body)
        index = next(i for i in range(self.table.seats) if i not in self.readers)
        descriptor = os.open(request["page"], os.O_RDONLY | os.O_NOFOLLOW)
        page = mmap.mmap(descriptor, 4096, access=mmap.ACCESS_READ)
        os.close(descriptor)
        assert page[0:8] == b"VIGIARDR" and struct.unpack_from("<I", page, 8)[0] == 1
        self.table.open(index)
        reader = Seated(request["reader"], index, connection, page, request["wake"])
        self.readers[index] = reader
        self._send(
            connection,
            {
                "seat": index,
                "seats": self.table.path,
                "epoch": str(self.table.epoch),
                "segment": self.segment_path,
                "error": None,
            },
        )
        return True

    def _send(self, connection: socket.socket, answer: object) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        connection.sendall(struct.pack(">I", len(body)) + body)

    def _hear(self, reader: Seated) -> None:
        try:
            gone = reader.connection.recv(4096, socket.MSG_DONTWAIT) == b""
        except ConnectionError:
            gone = True
        if not gone:
            return self._look(reader)
        del self.readers[reader.index]
        reader.connection.close()
        reader.page.close()
        self.table.set(reader.index, 4, 0)

    def _look(self, reader: Seated) -> None:
        """Settles frames that were given back; offers a pending frame to a reader that wants one."""
        if reader.slot is not None and reader.count(132) == reader.delivered:
            useless = reader.count(136) != reader.expired_before
            reader.results["expired" if useless else "ok"] += 1
            reader.slot = None
        if reader.pending is None:
            return
        asked = reader.count(132) == reader.delivered and reader.count(128) == (reader.delivered + 1) & 0xFFFF_FFFF
        if not asked:
            self.table.set(reader.index, 12, 1)
            return
        frame_id, captured = reader.pending
        reader.pending = None
        slot, generation = self._render(frame_id, captured)
        reader.slot, reader.expired_before = slot, reader.count(136)
        reader.delivered = (reader.delivered + 1) & 0xFFFF_FFFF
        self.table.offer(
            reader.index,
            reader.delivered,
            frame_id * 4096 + slot,
            generation,
            self.segment.epoch,
            captured + STALE_AFTER_NS,
        )
        self._wake(reader, ring=False)

    def _render(self, frame_id: int, captured: int) -> Tuple[int, int]:
        """Rendered once for all readers of the frame, into a free slot."""
        if self._rendered is None or self._rendered[0] != frame_id:
            held = {reader.slot for reader in self.readers.values()}
            last = None if self._rendered is None else self._rendered[1]
            slot = next(s for s in range(self.segment.slots) if s not in held and s != last)
            self.segment.begin(slot)
            self.segment.write_pixels(slot, self.picture.pixels(frame_id))
            generation = self.segment.commit(slot, frame_id, self.picture.stamp(captured))
            self._rendered = (frame_id, slot, generation)
        return self._rendered[1:]

    def _wake(self, reader: Seated, ring: bool = True) -> None:
        if ring:
            self.table.ring(reader.index)
        if reader.wake == "futex":
            word = ctypes.c_uint32.from_buffer(self.table.memory, self.table.bell_offset(reader.index))
            number = {"x86_64": 202, "aarch64": 98}[platform.machine()]
            ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.byref(word), 1, 1, None, None, 0)
            return
        try:
            reader.connection.send(b"\x01", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass  # Full: the peer has enough to read. Closed: noticed when it is read.
