"""What reader-child.ts does, in Python: ``python3 reader_child.py SOCKET ID futex|socket``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python"))

from vigia import FrameReader  # noqa: E402 - found by the line above

SAMPLE_EVERY = 64


def main() -> None:
    """Reads to the end, then prints when each frame arrived."""
    socket_path, reader_id, wake = sys.argv[1:]
    frames: List[Tuple[float, int]] = []
    expired = torn = 0
    with FrameReader.attach(socket_path, reader_id, wake=wake) as reader:
        print(json.dumps({"attached": True}), flush=True)
        for frame in reader:
            frames.append((time.monotonic_ns() / 1e6, frame.seq))
            sampled = bytes(frame.pixels[::SAMPLE_EVERY])
            right = sampled == bytes([frame.pts_us]) * len(sampled)
            whole = frame.whole()
            expired += not whole
            torn += whole and not right
        end = reader.end
    print(json.dumps({"frames": frames, "expired": expired, "torn": torn, "end": end}), flush=True)


if __name__ == "__main__":
    main()
