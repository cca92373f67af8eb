"""The container's socket in the file system."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Tuple

from ..errors import ContainerError

SOCKET_PATH_MAX = 107
"""Longest path of a Unix socket on Linux, bytes, without its final zero."""
_SOCKET_MODE = 0o660
_BACKLOG = 512
"""Twice the connection limit, so that further peers at least receive a refusal."""


class ListeningSocket:
    """Listens on a path of mode 0660. Owns socket and file."""

    def __init__(self, path: str) -> None:
        """Replaces the socket of a dead process, but not one with a listener.

        Simultaneous starts are the parents' responsibility. Raises ContainerError ``socket_path``, ``socket_in_use``,
        ``socket``.
        """
        check_path(path)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before it has a name: Linux gives the file this mode minus the umask. So there is no moment in which
            # others may connect, and the umask, which all threads share, stays unchanged.
            os.fchmod(self.socket.fileno(), _SOCKET_MODE)
            self._bind()
            os.chmod(path, _SOCKET_MODE)
            self._file = _identity(path)
            self.socket.listen(_BACKLOG)
            self.socket.setblocking(False)
        except OSError as error:
            self.socket.close()
            raise _error(path, error) from error
        except BaseException:
            self.socket.close()
            raise

    def close(self) -> None:
        """Stops listening, and removes the file if it still belongs to this socket. Idempotent."""
        self.unlink()
        self.socket.close()

    def unlink(self) -> None:
        """Removes the file if it still belongs to this socket. From any thread. Idempotent."""
        try:
            if _identity(self.path) == self._file:
                os.unlink(self.path)
        except OSError:
            pass  # Removed already, or its folder is not writable any more.

    def _bind(self) -> None:
        try:
            self.socket.bind(self.path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            check_free(self.path)
            os.unlink(self.path)
            self.socket.bind(self.path)


def check_path(path: str) -> None:
    """Raises ContainerError ``socket_path``."""
    size = len(os.fsencode(path))
    if size > SOCKET_PATH_MAX:
        raise ContainerError(
            "socket_path", f"the socket path {path} has {size} bytes, at most {SOCKET_PATH_MAX} are possible"
        )


def check_free(path: str) -> None:
    """Raises ContainerError ``socket_in_use`` when a process listens there, ``socket`` when it is not a socket."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ContainerError("socket", f"{path} exists and is no socket")
    except FileNotFoundError:
        return
    except OSError as error:
        raise _error(path, error) from error
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return  # The kernel reports at once that there is no listener.
        except OSError:
            pass  # No permission, or a full queue: a process may be listening.
        raise ContainerError("socket_in_use", f"another process serves {path}")


def _identity(path: str) -> Tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _error(path: str, error: OSError) -> ContainerError:
    return ContainerError("socket", f"cannot listen on {path}: {error.strerror}")
