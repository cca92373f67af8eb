"""Waiting on a word of shared memory until another process wakes it."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
import weakref

_FUTEX_WAIT = 0  # Not FUTEX_PRIVATE: the waker is another process.
_PROT_READ = 1
_MAP_SHARED = 1
_MAP_FAILED = ctypes.c_void_p(-1).value
_SYSCALL_NUMBERS = {"x86_64": 202, "aarch64": 98}


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def supported() -> bool:
    """Whether the system call's number is known for this machine: 64-bit x86 and ARM."""
    return platform.machine() in _SYSCALL_NUMBERS and sys.maxsize > 2**32


class FutexWord:
    """A 32-bit word of a file that other processes map.

    It has a read-only mapping of its own, because Python does not reveal the address of a read-only buffer. The kernel
    identifies the word by file and offset, so it is the same word in all processes.
    """

    def __init__(self, descriptor: int, offset: int) -> None:
        """Maps the word. Raises OSError."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._syscall = libc.syscall
        self._number = ctypes.c_long(_SYSCALL_NUMBERS[platform.machine()])
        # Offsets of mappings are multiples of the machine's page, which may be larger than ours.
        start = offset // mmap.PAGESIZE * mmap.PAGESIZE
        address = libc.mmap(None, mmap.PAGESIZE, _PROT_READ, _MAP_SHARED, descriptor, start)
        if address == _MAP_FAILED:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._word = ctypes.c_void_p(address + offset - start)
        self.close = weakref.finalize(self, libc.munmap, address, mmap.PAGESIZE)

    def wait(self, expected: int, seconds: float) -> None:
        """Blocks until woken, for a limited time; returns at once when the word has another value. May return
        spuriously.

        Check the word afterwards. A signal ends the wait early, so Ctrl-C works.
        """
        whole = int(seconds)
        timeout = _Timespec(whole, int((seconds - whole) * 1e9))
        self._syscall(self._number, self._word, _FUTEX_WAIT, ctypes.c_uint32(expected), ctypes.byref(timeout), None, 0)
