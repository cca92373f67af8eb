"""Mapped files in /dev/shm.

Why ``memoryview.cast("I")[i]`` for words that another process changes: CPython reads and writes such an item by a
``memcpy`` of constant size between the memory and a C variable of that type, which compilers make one aligned load or
store. So a word is never torn. ``struct`` promises less: in some formats it goes byte by byte.

What that does not give is order. x86-64 keeps loads in order among themselves, and stores too, so there the program's
order is the memory's. ARM64 does not; :class:`Fence` is for that.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import threading
import time

from ._layout import PAGE_BYTES, VERSION, ReaderPageOffsets

SHM_DIR = "/dev/shm"
_WRAP = 0xFFFF_FFFF
_READY = ReaderPageOffsets.READY // 4
_SETTLED = ReaderPageOffsets.SETTLED // 4
_EXPIRED = ReaderPageOffsets.EXPIRED // 4
_TAKEN = ReaderPageOffsets.TAKEN // 8


class Fence:
    """Orders loads before it against loads after it (SYNC F of frame-segment.md).

    A lock that is always held is released and taken again: a release store, then an acquire load. ARM64 orders accesses
    before the former against accesses after the latter. This rests on how CPython implements locks (with libc's
    semaphores, or atomics), not on a promise of the language. x86-64 would not need it.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        lock = self._lock
        lock.release()
        lock.acquire()


def open_regular(path: str) -> int:
    """Opens a regular file for reading, never through a symbolic link. Returns a descriptor; the caller closes it.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", path)


def map_read_only(descriptor: int) -> memoryview:
    """Maps a whole file read-only. Empty for an empty file.

    The mapping lives as long as a view of it exists, and is unmapped with the last one: nothing closes it here, because
    ``mmap.close`` refuses while views are exported. Raises OSError.
    """
    size = os.fstat(descriptor).st_size
    if size == 0:
        return memoryview(b"")
    try:
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    except ValueError as error:
        # It was truncated after the line above.
        raise OSError(errno.EINVAL, "the file changes its size") from error


class ReaderPage:
    """This reader's own page: its requests and releases. Only this reader writes it."""

    def __init__(self) -> None:
        """Creates the page. Raises OSError; nothing is left behind then."""
        self.path = f"{SHM_DIR}/vigia_reader_{os.getpid()}_{os.urandom(4).hex()}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o640)
        self._linked = True
        try:
            # Allocated up front: a sparse page in a full /dev/shm would raise SIGBUS at the first store.
            os.posix_fallocate(descriptor, 0, PAGE_BYTES)
            view = memoryview(mmap.mmap(descriptor, PAGE_BYTES))
        except BaseException:
            self.unlink()
            raise
        finally:
            os.close(descriptor)
        self._fence = Fence()
        self._words32 = view.cast("I")
        self._words64 = view.cast("Q")
        self._words32[ReaderPageOffsets.VERSION // 4] = VERSION
        self._words32[ReaderPageOffsets.WRITER_PID // 4] = os.getpid()
        self._words64[ReaderPageOffsets.HEARTBEAT // 8] = time.monotonic_ns()
        view[0:8] = ReaderPageOffsets.MAGIC_VALUE

    @property
    def ready(self) -> int:
        """Requests made."""
        return self._words32[_READY]

    @property
    def asking(self) -> bool:
        """Whether a request is open: made, and its delivery not given back."""
        words = self._words32
        return words[_READY] != words[_SETTLED]

    def ask(self) -> None:
        """Opens a request. Idempotent, so that an interrupt in between does no harm."""
        words = self._words32
        words[_READY] = (words[_SETTLED] + 1) & _WRAP

    def settle(self, useful: bool) -> None:
        """Gives the delivery back. ``expired`` is stored first: a supplier that sees the one sees the other."""
        words = self._words32
        if not useful:
            words[_EXPIRED] = (words[_EXPIRED] + 1) & _WRAP
            self._fence()
        words[_SETTLED] = words[_READY]

    def took(self, frame_id: int) -> None:
        """Publishes which frame the user received."""
        self._words64[_TAKEN] = frame_id

    def unlink(self) -> None:
        """Removes the name; both sides have mapped the page. Idempotent."""
        if self._linked:
            self._linked = False
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass  # Removed by another process, with the same result.

    def close(self) -> None:
        """Releases the mapping; the object must be dropped afterwards. Idempotent."""
        self._words32.release()
        self._words64.release()
