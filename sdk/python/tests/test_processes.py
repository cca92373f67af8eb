"""Readers in separate processes, through the agent: killed, interrupted, and controlled by lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, List

from .picture import Picture
from .supplier import Supplier
from .support import WAKES, SupplierCase

AGENT = Path(__file__).resolve().parent / "agent.py"


class Agent:
    """The other end of agent.py."""

    def __init__(self, case: SupplierCase, socket_path: str, *arguments: str, errors: Any = None) -> None:
        command = [sys.executable, str(AGENT), socket_path, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        case.addCleanup(self.end)

    def hear(self) -> Any:
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def tell(self, **command: Any) -> None:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def ask(self, **command: Any) -> Any:
        self.tell(**command)
        return self.hear()

    def end(self) -> int:
        self.process.communicate()
        return self.process.wait()

    def pages(self) -> List[str]:
        """What it has in /dev/shm."""
        prefix = f"vigia_reader_{self.process.pid}_"
        return [name for name in os.listdir("/dev/shm") if name.startswith(prefix)]


class Processes(SupplierCase):
    def agent(self, supplier: Supplier, wake: str = "socket", **options: Any) -> Agent:
        agent = Agent(self, supplier.socket_path, "people", wake, **options)
        self.assertEqual(agent.hear(), {"attached": True})
        return agent

    def test_a_killed_reader_leaves_nothing(self) -> None:
        supplier = self.start()
        agent = self.agent(supplier)
        self.assertEqual(agent.pages(), [])
        supplier.publish()
        self.assertEqual(agent.ask(op="next")["frame"]["seq"], 1)
        agent.process.kill()
        supplier.wait_until(lambda: not supplier.readers)
        self.assertEqual(agent.pages(), [])

    def test_one_killed_before_the_answer_leaves_its_page(self) -> None:
        supplier = self.start(answer=None)
        agent = Agent(self, supplier.socket_path, "people", "socket")
        supplier.wait_until(lambda: len(supplier.requests) == 1)
        agent.process.kill()
        agent.process.wait()
        self.assertEqual(len(agent.pages()), 1)
        os.unlink(f"/dev/shm/{agent.pages()[0]}")

    def test_ctrl_c_while_it_waits(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                agent = self.agent(supplier, wake, errors=subprocess.PIPE)
                agent.tell(op="next")
                supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
                agent.process.send_signal(signal.SIGINT)
                self.assertIn("KeyboardInterrupt", agent.process.communicate(timeout=30)[1])
                supplier.wait_until(lambda: not supplier.readers)

    def test_the_agent_s_commands(self) -> None:
        supplier = self.start()
        agent = self.agent(supplier)
        self.assertEqual(agent.ask(op="next", timeout_ms=1), {"timeout": True})
        self.assertEqual(agent.ask(op="poll"), {"timeout": True})
        self.assertEqual(agent.ask(op="release")["error"]["code"], "nothing_held")
        self.assertEqual(agent.ask(op="sing")["error"]["code"], "unknown")
        supplier.publish()
        frame = agent.ask(op="next", timeout_ms=5000)["frame"]
        self.assertGreater(frame.pop("captured_ms"), 0)
        sample = {"sum": 144, "first": "01" * 8, "last": "01" * 8}
        self.assertEqual(frame, {"seq": 1, "width": 64, "height": 48, "byte_length": 9216, **sample})
        self.assertEqual(agent.ask(op="next")["error"]["code"], "lease_held")
        self.assertEqual(agent.ask(op="release"), {"whole": True})
        self.assertEqual(agent.ask(op="release")["error"]["code"], "lease_released")
        self.assertEqual(agent.ask(op="statistics"), {"delivered": 1, "expired": 0, "last_seq": 1})
        supplier.end_seat(0)
        self.assertEqual(agent.ask(op="next"), {"end": "stopped"})
        self.assertEqual(agent.ask(op="close"), {"closed": True})
        self.assertEqual(agent.end(), 0)

    def test_the_agent_notices_torn_frames(self) -> None:
        supplier = self.start(picture=Picture(fill=lambda seq: bytes([seq]) * 9000 + bytes(216)))
        agent = self.agent(supplier)
        supplier.publish()
        agent.tell(op="loop", frames=2, work_ms=0)
        supplier.wait_until(lambda: supplier.readers[0].count(132) == 1)
        supplier.end_seat(0)
        self.assertEqual(agent.hear(), {"frames": 1, "expired": 0, "torn": 1, "backwards": 0, "end": "stopped"})

    def test_an_agent_that_was_refused(self) -> None:
        supplier = self.start(answer={"error": {"code": "seats_full", "message": "all are taken"}})
        agent = Agent(self, supplier.socket_path, "people", "socket", "2.5")
        self.assertEqual(agent.hear(), {"error": {"code": "seats_full", "message": "all are taken"}})
        self.assertEqual(agent.end(), 1)
        self.assertIn(b'"fps":2.5', supplier.requests[0])

    def test_a_flood_of_frames_with_two_readers(self) -> None:
        """Conservation: every delivered frame was read or expired; none is torn, none goes backwards."""
        supplier = self.start()
        agents = [Agent(self, supplier.socket_path, name, wake) for name, wake in (("a", "socket"), ("b", "futex"))]
        for agent in agents:
            self.assertEqual(agent.hear(), {"attached": True})
        done = threading.Event()

        def flood() -> None:
            while not done.wait(0.0005):
                supplier.publish()

        publisher = threading.Thread(target=flood)
        publisher.start()
        for agent in agents:
            agent.tell(op="loop", frames=150, work_ms=1)
        results = [agent.hear() for agent in agents]
        statistics = [agent.ask(op="statistics") for agent in agents]
        done.set()
        publisher.join()
        by_name = {reader.id: reader for reader in supplier.readers.values()}
        for name, result, counts in zip("ab", results, statistics):
            self.assertEqual((result["frames"], result["torn"], result["backwards"]), (150, 0, 0))
            self.assertIsNone(result["end"])
            settled = by_name[name].count(132)
            self.assertEqual(settled, counts["delivered"] + counts["expired"])
            self.assertEqual(by_name[name].delivered, settled)
