"""Taking frames: docs/protocol/frame-readers.md, the reader's side."""

from __future__ import annotations

import os
import sys
import time
from typing import Dict, Iterator, Optional, Union

from ._frame import Frame
from ._futex import supported
from ._seat import Offer, Seat
from ._segment import Segment, open_segment
from ._shared_memory import ReaderPage
from ._socket import SupplierSocket, encode_request
from .errors import AttachError, LeaseError, VigiaError

WAIT_SLICE_S = 0.5
"""No wait is longer: a supplier that was killed wakes no reader in a futex."""
LOST_NS = 2_000_000_000
"""A heartbeat older than this means that the supplier has died (or is stopped: a reader cannot tell the difference)."""


class FrameReader:
    """Takes frames from a supplier in another process: the newest one that is due, one at a time, without a copy.

    A frame is *held* from :meth:`next` until its release. Frames published meanwhile are dropped and counted by the
    supplier, which never waits. States: open, then ended; :attr:`end` is the reason. A reader belongs to one thread,
    and not to a child made by ``fork``.
    """

    def __init__(self, reader_id: str, page: ReaderPage, line: SupplierSocket, seat: Seat, segment_path: str) -> None:
        """Created by :meth:`attach` only."""
        self.id = reader_id
        self._page = page
        self._line = line
        self._seat = seat
        self._selectable = seat.futex is None
        self._segment_path = segment_path
        self._segment: Optional[Segment] = None
        self._held: Optional[Frame] = None
        self._end: Optional[str] = None
        self._declined = False
        self._silent_ns = (0, 0)
        self._delivered = 0
        self._expired = 0
        self._last_seq: Optional[int] = None

    @classmethod
    def attach(
        cls,
        socket_path: Union[str, os.PathLike[str]],
        reader_id: str,
        *,
        fps: Optional[float] = None,
        wake: str = "socket",
        timeout: float = 5.0,
    ) -> FrameReader:
        """Requests a seat at a supplier.

        Args:
            socket_path: the supplier's Unix socket.
            reader_id: the consumer's name, unique at this supplier while attached: a–z, 0–9, ``_`` and ``-``.
            fps: at most this many frames per second; None: every frame.
            wake: ``socket``: also for ``select`` and asyncio; ``futex``: cheaper for the supplier, :meth:`next` only.
            timeout: seconds until the supplier must have answered.

        Returns a reader that the caller closes. Raises AttachError with the code of the supplier's refusal or
        ``supplier_unreachable``, ``attach_timeout``, ``bad_answer``, ``shm_full``, ``no_futex``,
        ``unsupported_platform``; SeatsError; ValueError. Nothing is left behind then.
        """
        _check_platform(wake)
        line = SupplierSocket(os.fspath(socket_path), timeout)
        try:
            page = _new_page()
            try:
                answer = line.attach(encode_request(reader_id, page.path, wake, fps))
            finally:
                page.unlink()
            seat = Seat(answer.seats, answer.seat, answer.epoch, futex=wake == "futex")
            return cls(reader_id, page, line, seat, answer.segment)
        except BaseException:
            line.close()
            raise

    @property
    def end(self) -> Optional[str]:
        """None while open, then why it ended.

        ``stopped`` by the supplier, ``closed`` by :meth:`close`, or ``lost``: the supplier died, or was silent for more
        than 2 s.
        """
        return self._end

    def next(self, timeout: Optional[float] = None) -> Optional[Frame]:
        """Blocks until a frame is due, and lends the newest one. None at the end.

        Args:
            timeout: seconds; None: no limit.

        Raises TimeoutError (the reader stays usable), LeaseError ``lease_held`` while a frame is held, SegmentError
        when the supplier wrote inconsistent data. Ctrl-C works.
        """
        if not self._begin():
            return None
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            bell = self._seat.bell
            frame = self._look()
            if frame is not None or self._end is not None:
                return frame
            left = WAIT_SLICE_S if deadline is None else min(WAIT_SLICE_S, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"reader {self.id}: no frame within {timeout} s")
            self._wait(bell, left)
            self._listen_for_heartbeat()

    def poll(self) -> Optional[Frame]:
        """Lends the newest due frame if there is one; otherwise requests it and returns None at once.

        For event loops: call it once, and again whenever :meth:`fileno` is readable and after each release; check
        :attr:`end` when it returns None. It notices a closed supplier, not one that is merely silent. Raises like
        :meth:`next`.
        """
        return self._look() if self._begin() else None

    def __iter__(self) -> Iterator[Frame]:
        """The frames until the end. Each is lent until the loop requests the next one or is left."""
        while True:
            frame = self.next()
            if frame is None:
                return
            with frame:
                yield frame

    def statistics(self) -> Dict[str, Optional[int]]:
        """Counts since :meth:`attach`.

        ``delivered``: frames handed out. ``expired``: useless offers given back, and frames that were rewritten while
        they were held. ``last_seq``: of the newest frame handed out, None before.
        """
        return {"delivered": self._delivered, "expired": self._expired, "last_seq": self._last_seq}

    def fileno(self) -> int:
        """The descriptor that becomes readable when :meth:`poll` should be called.

        Raises ValueError with ``wake="futex"`` and after :meth:`close`.
        """
        if not self._selectable or self._line.fileno() < 0:
            raise ValueError("fileno() is for an open reader with wake='socket'")
        return self._line.fileno()

    def close(self) -> None:
        """Closes the reader. A held frame is released; views of it stay readable. Idempotent."""
        if self._held is not None:
            self._held.release()
        self._finish("closed")
        self._line.close()
        self._seat.close()
        self._page.close()
        self._segment = None

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self) -> bool:
        """Makes sure that a request is open. False at the end."""
        if self._end is not None:
            return False
        if self._held is not None:
            raise LeaseError("lease_held", f"reader {self.id}: frame {self._held.seq} is held; release it first")
        self._declined = False
        # A call that timed out left its request open.
        if not self._page.asking:
            self._ask()
        return True

    def _ask(self) -> None:
        self._page.ask()
        # SYNC R: without a fence `wanted` cannot be trusted here, so the supplier is always notified.
        self._line.ring()

    def _look(self) -> Optional[Frame]:
        """The offer, if there is a valid one; detects the end."""
        seat, page = self._seat, self._page
        while self._end is None:
            # Before the entry is read: a later byte announces a later change.
            connected = self._line.drain()
            if not seat.open:
                self._finish("stopped")
            elif not connected:
                self._finish("lost" if seat.table_live else "stopped")
            elif seat.delivered != page.ready:
                return None
            else:
                frame = self._take(seat.offer())
                if frame is not None:
                    return frame
                self._settle(False)
                self._ask()
        return None

    def _take(self, offer: Offer) -> Optional[Frame]:
        """The offered frame, or None when it is useless."""
        if time.monotonic_ns() >= offer.stale_from_ns or self._overtaken():
            return None
        try:
            segment = self._segment_of(offer.epoch)
            stamp = None if segment is None else segment.stamp(offer.slot, offer.generation)
        except VigiaError:
            self._settle(False)
            raise
        if segment is None or stamp is None:
            return None
        self._page.took(offer.frame_id)
        self._delivered += 1
        self._last_seq = offer.frame_id
        self._held = Frame(segment, offer.slot, offer.generation, offer.frame_id, stamp, self._give_back)
        return self._held

    def _overtaken(self) -> bool:
        """Whether newer frames arrived while this reader slept. Once per call, so that a flood cannot starve it."""
        if self._declined or not self._seat.wanted:
            return False
        self._declined = True
        return True

    def _segment_of(self, epoch: int) -> Optional[Segment]:
        if self._segment is None or self._segment.epoch != epoch:
            self._segment = None  # Unmapped first, unless a view of it exists.
            self._segment = open_segment(self._segment_path, epoch)
        return self._segment

    def _give_back(self, whole: bool) -> None:
        self._held = None
        self._settle(whole)

    def _settle(self, useful: bool) -> None:
        if not useful:
            self._expired += 1
        self._page.settle(useful)

    def _wait(self, bell: int, seconds: float) -> None:
        futex = self._seat.futex
        if futex is None:
            self._line.wait(seconds)
        else:
            futex.wait(bell, seconds)

    def _listen_for_heartbeat(self) -> None:
        """Gives up on a silent supplier at the second check: if both processes were stopped, it resumes no later than
        this one.
        """
        now = time.monotonic_ns()
        heartbeat = self._seat.heartbeat_ns
        if now - heartbeat <= LOST_NS:
            return
        seen, since = self._silent_ns
        if heartbeat != seen:
            self._silent_ns = (heartbeat, now)
        elif now - since >= WAIT_SLICE_S * 1e9:
            self._finish("lost" if self._seat.open else "stopped")

    def _finish(self, end: str) -> None:
        """The first reason stays. The socket stays open until ``close``: the caller may be selecting on it."""
        if self._end is None:
            self._end = end


def _check_platform(wake: str) -> None:
    if sys.platform != "linux" or sys.byteorder != "little":
        raise AttachError("unsupported_platform", "frames are read on little-endian Linux only")
    if wake not in ("socket", "futex"):
        raise ValueError(f"wake={wake!r}: 'socket' and 'futex' are allowed")
    if wake == "futex" and not supported():
        raise AttachError("no_futex", "wake='futex' is known for 64-bit x86 and ARM only; use wake='socket'")


def _new_page() -> ReaderPage:
    try:
        return ReaderPage()
    except OSError as error:
        raise AttachError("shm_full", f"/dev/shm: no page for this reader ({error.strerror})") from error
