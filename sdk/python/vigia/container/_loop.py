"""One thread that waits for sockets, timers and other threads.

All state that changes while a container serves belongs to this thread; only :meth:`Loop.post` may be called from
others. So nothing needs a lock, no lock is held while a peer does not read, and a slow peer costs a buffer and no
thread.
"""

from __future__ import annotations

import heapq
import itertools
import math
import selectors
import socket
import time
from collections import deque
from typing import Callable, Deque, Dict, List, Protocol, Tuple

_LONGEST_WAIT_MS = 60_000


class Timer:
    """A callback that is due once."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Cancels the callback. Idempotent, also afterwards."""
        self.cancelled = True
        self.callback = _nothing


class Clock(Protocol):
    """Injected time, so that tests need not wait."""

    def now_ms(self) -> float:
        """Milliseconds on a clock that never goes back."""

    def after(self, ms: float, callback: Callable[[], None]) -> Timer:
        """Calls back once, on the thread that owns the clock."""


class Loop:
    """Runs callbacks until it is stopped. It is a :class:`Clock`."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        """``on_error`` receives exceptions of callbacks; the loop continues."""
        self._on_error = on_error
        self._selector = selectors.DefaultSelector()
        self._wake_end, self._wake = socket.socketpair()
        for end in (self._wake_end, self._wake):
            end.setblocking(False)
        self._selector.register(self._wake_end, selectors.EVENT_READ, self._woken)
        self._posted: Deque[Callable[[], None]] = deque()
        self._timers: List[Tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._interest: Dict[socket.socket, int] = {}
        self._stopping = False

    def now_ms(self) -> float:
        """See :class:`Clock`."""
        return time.monotonic_ns() / 1e6

    def after(self, ms: float, callback: Callable[[], None]) -> Timer:
        """See :class:`Clock`."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now_ms() + ms, next(self._numbers), timer))
        self._sweep()
        return timer

    def post(self, callback: Callable[[], None]) -> None:
        """Calls back on the loop's thread, soon. From any thread; does nothing once the loop has ended."""
        self._posted.append(callback)
        try:
            self._wake.send(b"\x01")
        except OSError:
            pass  # Full: the loop is awake already. Closed: it has ended.

    def watch(self, peer: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Calls back with the events that a socket is ready for; 0 events: no longer."""
        before = self._interest.get(peer, 0)
        if events == before:
            return
        if before == 0:
            self._selector.register(peer, events, callback)
        elif events == 0:
            self._selector.unregister(peer)
        else:
            self._selector.modify(peer, events, callback)
        if events == 0:
            del self._interest[peer]
        else:
            self._interest[peer] = events

    def run(self) -> None:
        """Runs until :meth:`stop`."""
        try:
            while not self._stopping:
                self._turn()
        finally:
            self.close()

    def close(self) -> None:
        """Closes the descriptors of a loop that does not run. Idempotent."""
        self._selector.close()
        self._wake_end.close()
        self._wake.close()

    def stop(self) -> None:
        """Ends :meth:`run`. On the loop's thread."""
        self._stopping = True

    def _turn(self) -> None:
        for key, events in self._selector.select(self._patience_s()):
            # Skips sockets that an earlier callback of this turn closed or stopped watching.
            if key.fileobj is self._wake_end or events & self._interest.get(key.fileobj, 0):  # type: ignore[call-overload]
                self._call(lambda key=key, events=events: key.data(events))  # type: ignore[misc]
        # Only callbacks due now: those that they post or set run in the next turn, after the sockets.
        for _ in range(len(self._posted)):
            self._call(self._posted.popleft())
        now = self.now_ms()
        while self._timers and self._timers[0][0] <= now:
            self._call(heapq.heappop(self._timers)[2].callback)

    def _patience_s(self) -> float | None:
        if self._posted or self._stopping:
            return 0
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        # Rounded up to epoll's milliseconds, otherwise it would wake just before. Bounded, because a peer may set a
        # deadline beyond the kernel's range.
        left_ms = min(self._timers[0][0] - self.now_ms(), _LONGEST_WAIT_MS)
        return max(0.0, math.ceil(left_ms) / 1000)

    def _sweep(self) -> None:
        """Cancelled timers must not pile up: grants are used long before their timer is due."""
        if len(self._timers) > 64 and sum(timer.cancelled for _, _, timer in self._timers) * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled]
            heapq.heapify(self._timers)

    def _woken(self, _: int) -> None:
        try:
            self._wake_end.recv(4096)
        except BlockingIOError:
            pass  # A spurious wake-up.

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            self._on_error(error)


def _nothing() -> None:
    pass
