"""Takes a second per frame, and returns the frame's age on arrival and the number of unread bytes afterwards."""

import array
import fcntl
import os
import stat
import termios
import time

# Before the SDK takes it: the same pipe, to inspect and not to read.
STDIN = os.dup(0)

import vigia  # noqa: E402


def waiting_bytes():
    if not stat.S_ISSOCK(os.fstat(STDIN).st_mode) and not stat.S_ISFIFO(os.fstat(STDIN).st_mode):
        raise SystemExit("standard input is neither a socket nor a pipe")
    count = array.array("i", [0])
    fcntl.ioctl(STDIN, termios.FIONREAD, count)
    return count[0]


for frame in vigia.frames(name="slow"):
    handed_ms = frame.age_ms
    time.sleep(vigia.options()["work_ms"] / 1000)
    frame.result(data={"handed_ms": handed_ms, "waiting_bytes": waiting_bytes()})
