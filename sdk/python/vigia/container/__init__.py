"""Model containers for vigia: write one function, frame in, detections out, and serve it to many cameras.

Start with :func:`serve`; :class:`ModelSpec` describes the model to it. The protocol is docs/protocol/model-container.md of the vigia repository.
"""

from .._detections import Detection, Keypoint, Mask
from ..errors import ContainerError, VigiaError
from ._command import serve
from ._container import Container
from ._frame import Frame
from ._model_spec import ModelSpec

__all__ = [
    "Container",
    "ContainerError",
    "Detection",
    "Frame",
    "Keypoint",
    "Mask",
    "ModelSpec",
    "VigiaError",
    "serve",
]
