"""A frame as seen by a worker."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, NamedTuple, Optional

from .._picture import as_array
from ..errors import LeaseError, VigiaError, WorkerError
from ._answers import answer
from ._messages import FrameMessage, failure


class Pixels(NamedTuple):
    """The location of a frame's pixels. ``hold``: whether everything read from ``view`` so far belongs to the frame."""

    view: memoryview
    hold: Callable[[], bool]


class Frame:
    """One picture to be answered once, by :meth:`result` or :meth:`error`.

    It is yours until the loop requests the next frame; afterwards its pixels are no longer accessible. Views taken
    before stay readable: over ``stdin`` they keep showing this picture, over ``shm`` the current content of that
    memory, from the answer on. Leaving the loop answers the frame with ``no_result``.

    Attributes:
        camera_id: the camera.
        seq: number of publication, increasing; gaps are frames that were dropped for a newer one.
        captured_at: when the scene was captured, wall time, RFC 3339 in UTC.
        captured_monotonic_ns: the same moment on CLOCK_MONOTONIC (``time.monotonic_ns()``).
        sent_age_ms: its age when vigia sent it.
        pts_us: µs of the stream's own clock.
        width, height: pixels.
        format: ``RGB24``, ``BGR24``, ``GRAY8``, ``NV12``, ``I420`` or ``JPEG``.
        planes: tuple of :class:`vigia.Plane`, offset in ``pixels`` and bytes per line; none for ``JPEG``.
    """

    def __init__(self, message: FrameMessage, pixels: Pixels, send: Callable[[bytes], None]) -> None:
        """Created by the loop only. ``send`` takes a whole message."""
        self.camera_id = message.camera_id
        self.seq = message.seq
        self.captured_at = message.captured_at
        self.captured_monotonic_ns = message.captured_monotonic_ns
        self.sent_age_ms = message.age_ms
        self.pts_us = message.pts_us
        self.width = message.width
        self.height = message.height
        self.format = message.format
        self.planes = message.planes
        self._pixels: Optional[Pixels] = pixels
        self._send = send
        self._answering = threading.Lock()
        self._answered = False

    @property
    def age_ms(self) -> float:
        """Milliseconds since the capture."""
        return (time.monotonic_ns() - self.captured_monotonic_ns) / 1e6

    @property
    def answered(self) -> bool:
        """Whether :meth:`result` or :meth:`error` was called."""
        return self._answered

    @property
    def pixels(self) -> memoryview:
        """The pixels, read-only, not copied. Raises LeaseError ``lease_released`` once the next frame was requested."""
        # A separate view: the frame releases its own one, the user's stays valid.
        return self._lent().view[:]

    def array(self) -> Any:
        """The pixels as a numpy array of bytes: read-only, not copied.

        H×W×3 for RGB24 and BGR24, H×W for GRAY8, (H×3/2)×W for NV12 and I420.

        Raises VigiaError ``numpy_missing``, or ``no_array`` for JPEG and when no array can describe the planes;
        LeaseError like ``pixels``.
        """
        if self.format == "JPEG":
            raise VigiaError("no_array", "a JPEG frame is compressed; decode pixels, or ask for another format")
        return as_array(self.pixels, self.format, self.width, self.height, self.planes)

    def whole(self) -> bool:
        """Whether everything read from the pixels so far belongs to this frame.

        Always over ``stdin``. Over ``shm`` until it is answered; a host that overwrites it earlier is broken. Raises
        LeaseError like ``pixels``.
        """
        return self._lent().hold()

    def result(self, detections: Any = (), data: Any = None) -> None:
        """Answers with findings; without arguments, nothing was found.

        Args:
            detections: list of :class:`vigia.Detection`, or of dicts with the same fields, 0..1 of this frame.
            data: any JSON value, at most 256 KiB; numpy's numbers are accepted.

        If the pixels are no longer whole, the error ``frame_changed`` is sent instead. Raises WorkerError
        ``bad_result``, after which the frame still has to be answered, or ``frame_answered``.
        """
        self._refuse_second()
        message = answer(self.seq, detections, data)
        if not self.whole():
            message = failure(self.seq, "frame_changed", "the pixels were written over before the answer")
        self._settle(message)

    def error(self, message: str, code: str = "worker_error") -> None:
        """Answers that there is no result for this frame: one sentence for people, a code for programs.

        Raises WorkerError ``frame_answered``.
        """
        self._settle(failure(self.seq, str(code), str(message)))

    def retire(self) -> None:
        """For the loop, when the next frame is requested: answers if the worker did not, and releases the pixels."""
        self.leave("the worker asked for the next frame without an answer")
        self._pixels = None

    def leave(self, why: str) -> None:
        """For the loop: answers ``no_result`` if the worker did not answer."""
        if not self._answered:
            self.error(why, "no_result")

    def __repr__(self) -> str:
        state = " answered" if self._answered else ""
        return f"<Frame {self.seq} {self.width}x{self.height} {self.format}{state}>"

    def _lent(self) -> Pixels:
        if self._pixels is None:
            raise LeaseError("lease_released", f"frame {self.seq} was used after the next one was asked for")
        return self._pixels

    def _refuse_second(self) -> None:
        if self._answered:
            raise WorkerError("frame_answered", f"frame {self.seq} was answered already; every frame is answered once")

    def _settle(self, message: bytes) -> None:
        with self._answering:
            self._refuse_second()
            self._answered = True
        self._send(message)
