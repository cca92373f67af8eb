"""A frame lent to the user."""

from __future__ import annotations

import time
from typing import Any, Callable, Optional

from ._picture import as_array
from ._segment import Segment, Stamp
from .errors import LeaseError


class Frame:
    """One picture in memory that its supplier owns: lent, read-only, not copied.

    It is yours until :meth:`release`, which leaving a ``with frame:`` calls. The supplier does not rewrite it while you
    hold it, for at most its read deadline (1 s by default). If you may take longer, check :meth:`whole` after using the
    pixels, or take a :meth:`copy`.

    Attributes:
        seq: number of publication, from 1; gaps are frames that were dropped for a newer one.
        captured_monotonic_ns: when the scene was captured, on CLOCK_MONOTONIC (``time.monotonic_ns()``).
        captured_wall_us: the same moment in µs since 1970, UTC; 0 when the supplier does not know it.
        pts_us: µs of the stream's own clock.
        width, height: pixels.
        format: ``RGB24``, ``BGR24``, ``GRAY8``, ``NV12`` or ``I420``.
        planes: tuple of :class:`vigia.Plane`, offset in ``pixels`` and bytes per line.
        byte_length: bytes of ``pixels``.
    """

    def __init__(
        self, segment: Segment, slot: int, generation: int, seq: int, stamp: Stamp, give_back: Callable[[bool], None]
    ) -> None:
        """Created by FrameReader only. ``give_back`` is called once, with whether the frame was whole to the end."""
        self.seq = seq
        self.captured_monotonic_ns = stamp.captured_monotonic_ns
        self.captured_wall_us = stamp.captured_wall_us
        self.pts_us = stamp.pts_us
        self.width = stamp.width
        self.height = stamp.height
        self.format = stamp.format
        self.planes = stamp.planes
        self.byte_length = stamp.byte_length
        self._slot = slot
        self._generation = generation
        self._segment: Optional[Segment] = segment
        self._give_back = give_back

    @property
    def age_ms(self) -> float:
        """Milliseconds since the capture."""
        return (time.monotonic_ns() - self.captured_monotonic_ns) / 1e6

    @property
    def released(self) -> bool:
        """Whether the frame was given back."""
        return self._segment is None

    @property
    def pixels(self) -> memoryview:
        """The pixels themselves, read-only, ``byte_length`` bytes.

        A view that is kept after the release stays readable, but shows the current content of that memory.

        Raises LeaseError ``lease_released``.
        """
        return self._held().pixels(self._slot, self.byte_length)

    def array(self) -> Any:
        """The pixels as a numpy array of bytes: read-only, not copied.

        H×W×3 for RGB24 and BGR24, H×W for GRAY8, (H×3/2)×W for NV12 and I420; with strides where lines are padded.

        Raises VigiaError ``numpy_missing``, ``no_array`` when no array can describe the planes; LeaseError.
        """
        return as_array(self.pixels, self.format, self.width, self.height, self.planes)

    def copy(self) -> Optional[bytes]:
        """A copy of the pixels that is guaranteed to be whole; None when they no longer belong to this frame.

        Raises LeaseError ``lease_released``.
        """
        copied = bytes(self.pixels)
        return copied if self.whole() else None

    def whole(self) -> bool:
        """Whether everything read from the pixels so far belongs to this frame.

        False only when it was held for longer than the read deadline: results computed from it are worthless then.

        Raises LeaseError ``lease_released``.
        """
        return self._held().holds(self._slot, self._generation)

    def release(self) -> bool:
        """Gives the frame back. Returns :meth:`whole` at that moment.

        Raises LeaseError ``lease_released`` the second time; leaving a ``with`` afterwards is allowed.
        """
        whole = self.whole()
        self._segment = None
        self._give_back(whole)
        return whole

    def __enter__(self) -> Frame:
        self._held()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.released:
            self.release()

    def __repr__(self) -> str:
        state = " released" if self.released else ""
        return f"<Frame {self.seq} {self.width}x{self.height} {self.format}{state}>"

    def _held(self) -> Segment:
        if self._segment is None:
            raise LeaseError("lease_released", f"frame {self.seq} was used after it was released")
        return self._segment
