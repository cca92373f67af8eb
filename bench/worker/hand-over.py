"""Answers each frame with its time of arrival. Option `touch`: reads pixels in every page of it."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sdk/python"))

from vigia.worker import frames, options  # noqa: E402

touch = options().get("touch", False)
for frame in frames():
    at_ns = time.monotonic_ns()
    # Every line of 1920 RGB pixels is longer than a page, every 64th pixel of it 192 bytes from the next.
    frame.result(data={"at_ns": at_ns, "mean": frame.array()[:, ::64].mean() if touch else None})
