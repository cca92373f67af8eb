"""Turns on a light while a camera sees somebody, and says when a camera is lost: python3 examples/api/light.py

Works with `npm run demo`; another node: VIGIA_URL, with VIGIA_TOKEN if it has users. Standard library only.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python"))
from vigia.client import ApiError, Client, NoAnswerError  # noqa: E402

OFF_AFTER_S = 10.0

node = Client(os.environ.get("VIGIA_URL", "http://127.0.0.1:8470"), token=os.environ.get("VIGIA_TOKEN"))
seen_at = None


def light(on):
    """Yours: a relay, a message to home automation, a nurse call."""
    print("light", "on" if on else "off", flush=True)


def take(item):
    """Looks at one item of the node's stream."""
    global seen_at
    if item["type"] == "event" and item["event"]["kind"] == "camera_state":
        print(item["event"]["camera"], item["event"]["data"]["state"], flush=True)
    # Only an ok result shows who is there. Without one the light stays as it is.
    if item["type"] != "result" or item["result"]["status"] != "ok":
        return
    if any(found["class_name"] == "person" for found in item["result"]["detections"]):
        if seen_at is None:
            light(True)
        seen_at = time.monotonic()
    elif seen_at is not None and time.monotonic() - seen_at > OFF_AFTER_S:
        light(False)
        seen_at = None


try:
    # Goes on after a restart of the node; events of the meantime come then, results of the meantime are gone.
    for one in node.watch(["result", "event"], on_lost=lambda error: print(error, file=sys.stderr, flush=True)):
        take(one)
except (ApiError, NoAnswerError) as error:
    raise SystemExit(f"{error.code}: {error}") from None
except KeyboardInterrupt:
    pass
