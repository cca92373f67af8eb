"""The example that watches a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .client_support import ClientCase, answer, endless

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/api/light.py"


def result(*classes: str) -> str:
    detections = [{"class_name": name} for name in classes]
    item = {"type": "result", "result": {"status": "ok", "detections": detections}}
    return f"event: result\ndata: {json.dumps(item)}\n\n"


class Light(ClientCase):
    def run_against(self, port: int, lines: int) -> str:
        """The first lines that it prints."""
        environment = {**os.environ, "VIGIA_URL": f"http://127.0.0.1:{port}", "VIGIA_TOKEN": "t"}
        with subprocess.Popen(
            [sys.executable, str(EXAMPLE)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            printed = "".join(process.stdout.readline() for _ in range(lines))
            process.terminate()
        return printed

    def test_it_turns_the_light_on_once(self) -> None:
        state = {"type": "event", "event": {"kind": "camera_state", "camera": "hall", "data": {"state": "stalled"}}}
        failed = 'data: {"type": "result", "result": {"status": "timeout", "detections": null}}\n\n'
        parts = [failed, result("car"), result("car", "person"), result("person"), f"data: {json.dumps(state)}\n\n"]
        node = self.node(endless(*parts))
        self.assertEqual(self.run_against(node.port, 2), "light on\nhall stalled\n")
        self.assertEqual(node.header("Authorization"), "Bearer t")

    def test_a_refusal_is_one_line(self) -> None:
        node = self.node(answer(401, {"error": {"code": "not_logged_in", "message": "a token is needed"}}))
        self.assertEqual(self.run_against(node.port, 2), "not_logged_in: a token is needed\n")
