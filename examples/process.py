"""Reads the frames of process.mjs: python3 examples/process.py. Standard library only; numpy is used when it is there."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "sdk" / "python"))
from vigia import AttachError, FrameReader  # noqa: E402

SOCKET = os.environ.get("VIGIA_EXAMPLE_SOCKET", "/tmp/vigia-example.sock")

try:
    reader = FrameReader.attach(SOCKET, "python", fps=7)
except AttachError as error:
    raise SystemExit(f"{error.code}: {error}; is process.mjs running?") from None

with reader:
    for frame in reader:
        grey = frame.pixels[0]
        # Results count only if the frame was still whole when the work was done.
        if frame.whole():
            print(f"python frame {frame.seq}: grey {grey}, {frame.age_ms:.1f} ms old")
print(f"python the end: {reader.end}")
