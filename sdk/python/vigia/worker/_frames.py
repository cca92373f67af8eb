"""The loop over frames."""

from __future__ import annotations

import operator
import os
import sys
from typing import Any, Dict, Iterator, Optional, Union

from .._segment import Segment, open_segment
from ..errors import SegmentError, WorkerError
from ._frame import Frame, Pixels
from ._host_line import HostLine, host_line
from ._messages import FORMATS, FrameMessage, HALVED_FORMATS, Reference, SIDE_MAX, SIDE_MIN, Stop, failure, parse, ready


def frames(
    *,
    name: Optional[str] = None,
    format: Optional[str] = None,
    width: Optional[int] = None,
    height: Optional[int] = None,
) -> Frames:
    """The frames of this worker's camera, each the newest one at the time of the request, until vigia sends stop.

    The first ``next`` reports the worker as ready: load models before the loop. Size and format are limited by the
    configuration's ``input`` (:func:`vigia.worker_input`), which is also the default; vigia refuses a worker that wants
    more.

    Args:
        name: the worker's name in vigia's log; default: the script's file name.
        format: ``RGB24``, ``BGR24``, ``GRAY8``, ``NV12``, ``I420``, or ``JPEG`` with the transport ``stdin``.
        width, height: pixels, 2 to 8192; even for NV12 and I420.

    Raises WorkerError ``not_a_worker``, ValueError; the loop: see :class:`Frames`.
    """
    line = host_line()
    if line is None:
        raise WorkerError("not_a_worker", "frames() is for a process that vigia started as a worker; this one is not")
    wants = _wants(format, width, height)
    return Frames(line, ready(name or os.path.basename(sys.argv[0]) or "worker", wants))


class Frames(Iterator[Frame]):
    """Iterates over frames. Ends at ``stop``, and silently when the host has died. Belongs to one thread.

    A ``for`` loop that is left, by ``break``, ``return`` or an exception, answers its frame with ``no_result`` if the
    worker did not. Another loop over the same object continues with the next frame.

    Raises ProtocolError for a violation of the protocol, and ends; WorkerError ``frames_taken`` for a second loop.
    """

    def __init__(self, line: HostLine, ready_message: bytes) -> None:
        """Created by :func:`frames` only."""
        self._line = line
        self._ready: Optional[bytes] = ready_message
        self._segments = SegmentCache()
        self._frame: Optional[Frame] = None
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        try:
            frame = self._next()
            while frame is not None:
                yield frame
                frame = self._next()
        finally:
            # The loop was left: the generator is closed with the loop's last reference. Not in a fork.
            if self._frame is not None and self._line.ours:
                self._frame.leave("the worker left its loop without an answer")

    def __next__(self) -> Frame:
        """Answers the previous frame with ``no_result`` if the worker did not, and blocks for the next one."""
        frame = self._next()
        if frame is None:
            raise StopIteration
        return frame

    def _next(self) -> Optional[Frame]:
        """None at the end."""
        self._begin()
        if self._frame is not None:
            self._frame.retire()
            self._frame = None
        while self._frame is None:
            message = self._receive()
            if message is None:
                return None
            self._frame = self._open(message)
        return self._frame

    def _begin(self) -> None:
        if self._ready is not None:
            self._line.begin(self._ready)
            self._ready = None

    def _receive(self) -> Optional[FrameMessage]:
        """None from the end on."""
        if self._ended:
            return None
        self._ended = True  # Also after an exception: after a broken message nothing can be parsed.
        message: Union[FrameMessage, Stop, None] = None
        while message is None:
            body = self._line.receive()
            message = Stop() if body is None else parse(body)
        if isinstance(message, Stop):
            return None
        self._ended = False
        return message

    def _open(self, message: FrameMessage) -> Optional[Frame]:
        """The frame, or None after answering that its pixels are unavailable."""
        try:
            pixels = self._pixels(message.pixels)
        except SegmentError as error:
            # The codes of the protocol's page, the same in every language.
            code = error.code if error.code == "frame_not_found" else "frame_invalid"
            self._line.send(failure(message.seq, code, str(error)))
            return None
        return Frame(message, pixels, self._line.send)

    def _pixels(self, source: Union[memoryview, Reference]) -> Pixels:
        """Raises SegmentError."""
        if isinstance(source, memoryview):
            return Pixels(source, lambda: True)
        segment = self._segments.get(source)
        view = segment.slice(source.slot, source.offset, source.byte_length)
        return Pixels(view, lambda: segment.holds(source.slot, source.generation))


class SegmentCache:
    """Keeps the segment of the frames mapped. One is enough: a worker has one camera and one size."""

    def __init__(self) -> None:
        self._segment: Optional[Segment] = None

    def get(self, reference: Reference) -> Segment:
        """The segment of that path and epoch, mapped again when either changes. Raises SegmentError."""
        kept = self._segment
        if kept is None or (kept.path, kept.epoch) != (reference.path, reference.epoch):
            self._segment = kept = None  # Unmapped first, unless a view of it exists.
            kept = open_segment(reference.path, reference.epoch)
            if kept is None:
                raise SegmentError("frame_not_found", f"{reference.path}: there is no segment of this epoch")
            self._segment = kept
        return kept


def _wants(pixel_format: Optional[str], width: Optional[int], height: Optional[int]) -> Dict[str, Any]:
    """``wants`` of the ready message: the given values. Raises ValueError."""
    if pixel_format is not None and pixel_format not in FORMATS:
        raise ValueError(f"format={pixel_format!r}: {', '.join(FORMATS)} are allowed")
    wants: Dict[str, Any] = {} if pixel_format is None else {"format": pixel_format}
    for name, value in (("width", width), ("height", height)):
        if value is None:
            continue
        side = operator.index(value)
        if not SIDE_MIN <= side <= SIDE_MAX:
            raise ValueError(f"{name}={side}: {SIDE_MIN} to {SIDE_MAX} is allowed")
        if pixel_format in HALVED_FORMATS and side % 2:
            raise ValueError(f"{name}={side}: sides of {pixel_format} are even")
        wants[name] = side
    return wants
