"""What can go wrong. What is expected (nothing yet, the end, an expired frame) is a value, not an error."""

from __future__ import annotations


class VigiaError(Exception):
    """Base of every error of this package.

    ``code`` is what programs branch on, the text is one sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AttachError(VigiaError):
    """No seat was given.

    Codes of the supplier's answer: ``bad_request``, ``duplicate_consumer``, ``invalid_page``, ``seats_full``,
    ``supplier_stopped``. Found here: ``supplier_unreachable``, ``attach_timeout``, ``bad_answer``, ``shm_full``,
    ``no_futex``, ``unsupported_platform``.
    """


class SeatsError(VigiaError):
    """The seat table that the supplier named cannot be used: ``seats_invalid``."""


class SegmentError(VigiaError):
    """What the frame segment says cannot be: ``segment_invalid``. The offer was given back; the reader stays usable."""


class LeaseError(VigiaError):
    """A frame was used wrongly.

    ``lease_held``: another one was asked for before it was released. ``lease_released``: it was used, or released
    again, after its release.
    """


class ContainerError(VigiaError):
    """A container cannot serve.

    ``socket_path``: too long, or its folder cannot be used. ``socket_in_use``: another process serves it. ``socket``: it
    cannot be listened on. ``allow_dir``: no such folder. ``load_failed``: the load function raised. ``probe_failed``: the
    model's function failed on the first picture, or what it returned is no list of detections.
    """


class WorkerError(VigiaError):
    """A worker used its frames, or was started, wrongly.

    ``not_a_worker``: vigia did not start this process. ``frames_taken``: a second loop over frames. ``frame_answered``:
    the frame has its answer. ``bad_result``: what was to be answered cannot be. ``bad_environment``: a variable that
    cannot be read.
    """


class ProtocolError(VigiaError):
    """What came in is not of the worker protocol. There are no more frames after it.

    ``bad_message``: it is no message, or a field of it cannot be. ``frame_too_large``: its length cannot be.
    """
