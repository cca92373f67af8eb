"""Workers for vigia: a loop over the newest frames of one camera, an answer to each.

Start with :func:`frames`. The protocol is docs/protocol/worker.md of the vigia repository.
"""

from ..errors import ProtocolError, VigiaError, WorkerError
from ._environment import options, worker_input
from ._frame import Frame
from ._frames import Frames, frames
from ._host_line import take_standard_streams
from ._signs import heartbeat, log

__all__ = [
    "Frame",
    "Frames",
    "ProtocolError",
    "VigiaError",
    "WorkerError",
    "frames",
    "heartbeat",
    "log",
    "options",
    "worker_input",
]

# At the import, not at the first use: a worker that prints before its loop would corrupt the protocol.
take_standard_streams()
