"""The worker of the conformance suite on the Python SDK: the brightness of each frame, as in
examples/workers/bright.pl.

Options: ``print`` (writes to standard output all the time), ``tell`` (returns its settings). Does not need numpy.
"""

import os
import subprocess

from vigia import Detection
from vigia.worker import frames, options, worker_input

PIXEL_BYTES = {"GRAY8": 1, "NV12": 1, "I420": 1, "RGB24": 3, "BGR24": 3}
"""The first plane of NV12 and I420 is the luma."""
VARIABLES = ("VIGIA_NODE", "VIGIA_CAMERA", "VIGIA_CONSUMER", "VIGIA_WORKER")


def brightness(frame):
    line, stride = frame.width * PIXEL_BYTES[frame.format], frame.planes[0].stride
    pixels = frame.pixels
    total = sum(sum(pixels[y * stride : y * stride + line]) for y in range(frame.height))
    return total / (line * frame.height * 255)


def told():
    return {"variables": [os.environ[name] for name in VARIABLES], "options": options(), "input": worker_input()}


def say(text):
    print(text)
    # Bypasses the interpreter's streams, also from a child process that inherited them.
    os.write(1, f"{text}, in other words\n".encode())
    subprocess.run(["echo", text, "again"], check=True)


asked = options()
if asked.get("print"):
    say("printed while loading")
for frame in frames(name="bright"):
    if asked.get("print"):
        say(f"printed with frame {frame.seq}")
    if frame.format == "JPEG":
        frame.error("JPEG is not understood")
        continue
    value = brightness(frame)
    data = {"brightness": value, **({"told": told()} if asked.get("tell") else {})}
    frame.result([Detection(0, "bright", value, (0, 0, 1, 1))] if value > 0.5 else [], data)
