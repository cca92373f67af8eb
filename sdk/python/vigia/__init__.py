"""Live video for Python: frames of a supplier, workers that vigia starts, models that vigia uses.

Start with :meth:`FrameReader.attach` (docs/protocol/frame-readers.md of the vigia repository), :func:`frames`
(docs/protocol/worker.md) or :func:`vigia.container.serve` (docs/protocol/model-container.md).
"""

from ._detections import Detection, Keypoint, Mask
from ._frame import Frame
from ._picture import Plane
from ._reader import FrameReader
from .errors import (
    AttachError,
    LeaseError,
    ProtocolError,
    SeatsError,
    SegmentError,
    VigiaError,
    WorkerError,
)
from .worker import frames, heartbeat, log, options, worker_input

__all__ = [
    "AttachError",
    "Detection",
    "Frame",
    "FrameReader",
    "Keypoint",
    "LeaseError",
    "Mask",
    "Plane",
    "ProtocolError",
    "SeatsError",
    "SegmentError",
    "VigiaError",
    "WorkerError",
    "frames",
    "heartbeat",
    "log",
    "options",
    "worker_input",
]

__version__ = "0.1.0"
