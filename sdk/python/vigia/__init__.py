"""Live video frames from a vigia supplier: always the newest one, never a queue, no copy.

Start with :meth:`FrameReader.attach`. The protocol is docs/protocol/frame-readers.md of the vigia repository.
"""

from ._frame import Frame
from ._picture import Plane
from .errors import AttachError, LeaseError, SeatsError, SegmentError, VigiaError
from .frames import FrameReader

__all__ = [
    "AttachError",
    "Frame",
    "FrameReader",
    "LeaseError",
    "Plane",
    "SeatsError",
    "SegmentError",
    "VigiaError",
]

__version__ = "0.1.0"
