"""Errors. Expected outcomes (nothing yet, the end, an expired frame) are values, not errors."""

from __future__ import annotations

from typing import Any, Dict


class VigiaError(Exception):
    """Base of every error of this package.

    Programs branch on ``code``; the text is one sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AttachError(VigiaError):
    """The attach failed.

    Codes of the supplier's answer: ``bad_request``, ``duplicate_consumer``, ``invalid_page``, ``seats_full``,
    ``supplier_stopped``. Codes of the reader: ``supplier_unreachable``, ``attach_timeout``, ``bad_answer``,
    ``shm_full``, ``no_futex``, ``unsupported_platform``.
    """


class SeatsError(VigiaError):
    """The seat table named by the supplier is invalid: ``seats_invalid``."""


class SegmentError(VigiaError):
    """The frame segment is inconsistent: ``segment_invalid``. The offer was given back; the reader stays usable."""


class LeaseError(VigiaError):
    """A frame was used wrongly.

    ``lease_held``: another one was requested before its release. ``lease_released``: it was used, or released again,
    after its release.
    """


class ContainerError(VigiaError):
    """A container cannot serve.

    ``socket_path``: too long, or its folder is not usable. ``socket_in_use``: another process serves it. ``socket``:
    listening failed. ``allow_dir``: no such folder. ``load_failed``: the load function raised. ``probe_failed``: the
    model's function failed on the first picture, or did not return a list of detections.
    """


class WorkerError(VigiaError):
    """A worker used its frames, or was started, wrongly.

    ``not_a_worker``: vigia did not start this process. ``frames_taken``: a second loop over frames. ``frame_answered``:
    the frame has been answered. ``bad_result``: the answer is invalid. ``bad_environment``: an unreadable variable.
    """


class ApiError(VigiaError):
    """A node refused a request over HTTP. Codes: docs/protocol/http.md; `not_understood` for an answer of another server."""

    def __init__(self, status: int, code: str, message: str, details: Dict[str, Any]) -> None:
        """``status``: of HTTP. ``details``: further parts of the error, such as `revision` and `changes` of `conflict`."""
        super().__init__(code, message)
        self.status = status
        self.message = message
        self.details = details


class NoAnswerError(VigiaError):
    """No answer of a node came over HTTP; a change may have been made.

    ``unreachable``: no connection, or a certificate that is not trusted. ``timeout``: not in time. ``lost``: the
    connection ended before the answer was complete. ``bad_answer``: too long, or no HTTP, or no JSON. ``closed``: the
    client was closed.
    """


class ProtocolError(VigiaError):
    """The host violated the worker protocol. No more frames follow.

    ``bad_message``: it is no message, or a field is invalid. ``frame_too_large``: its length is impossible.
    """
