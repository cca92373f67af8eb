"""The files that a frame reference may name."""

from __future__ import annotations

import os
import posixpath
from typing import Sequence

from .._shared_memory import SHM_DIR, open_regular


class FrameProblem(Exception):
    """Why a frame is unavailable: an error code of the protocol and one sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FrameRoots:
    """The folders of frames: /dev/shm, and the allowed ones."""

    def __init__(self, extra: Sequence[str] = ()) -> None:
        """Resolved now: a link that replaces a folder later has no effect. Raises OSError, ValueError."""
        for folder in extra:
            if not os.path.isdir(folder):
                raise ValueError(f"{folder} is no folder")
        self._roots = tuple(os.path.realpath(root) for root in (SHM_DIR, *extra))

    def open(self, reference: str) -> int:
        """Opens the regular file that a reference names. Returns a descriptor; the caller closes it.

        Nothing outside the folders is accessed, so that a peer cannot probe for files. Raises FrameProblem.
        """
        if not reference.startswith("/") or ".." in reference.split("/") or "\0" in reference:
            raise self._refused('must be an absolute path without ".."')
        # normpath keeps two leading slashes: POSIX leaves their meaning open, Linux does not.
        if not self._contains("/" + posixpath.normpath(reference).lstrip("/")):
            raise self._refused("is outside")
        try:
            path = os.path.realpath(reference)
            if not self._contains(path):
                raise self._refused("leads outside")
            descriptor = open_regular(path)
        except FileNotFoundError as error:
            raise FrameProblem("frame_not_found", f"there is no {reference}") from error
        except (OSError, ValueError) as error:
            # ValueError: text that is no file name, such as half a surrogate pair.
            reason = getattr(error, "strerror", None) or str(error)
            raise FrameProblem("frame_invalid", f"{reference} cannot be read: {reason}") from error
        # Asks the kernel which file was opened: a folder may have become a link since the check above.
        if self._contains(os.readlink(f"/proc/self/fd/{descriptor}")):
            return descriptor
        os.close(descriptor)
        raise self._refused("leads outside")

    def _contains(self, path: str) -> bool:
        """Whether an absolute, normalised path lies in an allowed folder, and is not the folder itself."""
        # A root may be "/" itself, which ends with its own separator.
        return any(path.startswith(root.rstrip("/") + "/") and path != root for root in self._roots)

    def _refused(self, why: str) -> FrameProblem:
        allowed = ", ".join(self._roots)
        return FrameProblem("frame_invalid", f"the frame reference {why} (allowed: below {allowed})")
