"""examples/workers/flow.py, fed with synthetic scenes."""

from __future__ import annotations

import unittest
from typing import Any, Dict, Optional

from .worker_support import Worker, WorkerCase, frame_message

try:
    import numpy
except ImportError:
    numpy = None

WIDTH, HEIGHT = 320, 180
BED = [0.5, 0.5, 1.0, 1.0]
SECOND_NS = 1_000_000_000


@unittest.skipIf(numpy is None, "numpy is not installed")
class Flow(WorkerCase):
    def setUp(self) -> None:
        self.random = numpy.random.default_rng(1)
        # A room: some texture, some shading, no black and no white.
        shading = numpy.linspace(60, 120, WIDTH)[None, :] + numpy.linspace(0, 30, HEIGHT)[:, None]
        texture = numpy.kron(self.random.integers(0, 40, (HEIGHT // 10, WIDTH // 10)), numpy.ones((10, 10)))
        self.room = shading + texture
        self.seq = 0
        self.captured_ns = 10 * SECOND_NS

    def begin(self, **more: Any) -> Worker:
        worker = self.start_example("flow.py", options={"bed": BED, **more})
        self.assertEqual(worker.answers()["wants"], {"format": "GRAY8"})
        return worker

    def scene(self, square: Optional[tuple] = None, side: int = 40, noise: float = 0) -> Any:
        picture = self.room + self.random.normal(0, noise, self.room.shape)
        if square is not None:
            x, y = square
            picture[y : y + side, x : x + side] = 220
        return picture

    def look(self, worker: Worker, picture: Any, seconds: float = 0.2) -> Dict[str, Any]:
        self.seq += 1
        self.captured_ns += round(seconds * SECOND_NS)
        grey = picture.clip(0, 255).astype(numpy.uint8).tobytes()
        height, width = picture.shape
        size = {"width": width, "height": height, "captured_monotonic_ns": str(self.captured_ns)}
        answer = worker.ask(frame_message(self.seq, data=grey, **size))
        self.assertNotIn("error", answer)
        return answer

    def assert_still(self, answer: Dict[str, Any]) -> None:
        self.assertNotIn("detections", answer)
        self.assertEqual(answer["data"]["scene"], {"energy": 0, "moving": 0})
        self.assertEqual(answer["data"]["bed"], {"energy": 0, "moving": 0, "state": "still"})

    def test_the_first_frame_has_nothing_to_be_compared_with(self) -> None:
        self.assertEqual(sorted(self.look(self.begin(), self.scene())), ["seq", "type"])

    def test_stamps_that_step_back(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene((200, 120)))
        for seconds in (-0.4, 0):
            answer = self.look(worker, self.scene((208, 120)), seconds)
            self.assertEqual(sorted(answer), ["seq", "type"])
        # It goes on from the last picture, and the time of that one.
        bed = self.look(worker, self.scene((216, 120)))["data"]["bed"]
        self.assertEqual((bed["state"], bed["energy"] > 0), ("moving", True))
        answer = self.look(worker, self.scene((216, 120)))
        self.assert_still(answer)
        self.assertAlmostEqual(answer["data"]["interval_ms"], 200)

    def test_another_size_is_not_compared(self) -> None:
        worker = self.begin()
        room = self.room
        self.look(worker, room)
        for height, width in ((90, 160), (180, 160), (2, 2), (2, 2), (180, 320)):
            answer = self.look(worker, room[:height, :width])
            self.assertEqual(sorted(answer), ["seq", "type"])
        self.assert_still(self.look(worker, room))

    def test_still(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene((40, 40)))
        for seconds in (0.04, 5):
            answer = self.look(worker, self.scene((40, 40)), seconds)
            self.assert_still(answer)
            self.assertAlmostEqual(answer["data"]["interval_ms"], 1000 * seconds)

    def test_noise_is_still(self) -> None:
        worker = self.begin()
        for i in range(10):
            answer = self.look(worker, self.scene(noise=6))
            if i > 0:
                self.assert_still(answer)

    def test_another_light_is_still(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene(noise=2))
        for gain, offset in ((1.0, 25), (1.3, -10), (0.7, 0), (0.5, 20), (1.0, 0)):
            self.assert_still(self.look(worker, self.scene(noise=2) * gain + offset))

    def test_an_even_picture_that_gets_brighter_is_still(self) -> None:
        worker = self.begin()
        self.look(worker, numpy.full((HEIGHT, WIDTH), 50))
        self.assert_still(self.look(worker, numpy.full((HEIGHT, WIDTH), 200)))

    def test_motion_in_the_bed(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene((200, 120), noise=2))
        answer = self.look(worker, self.scene((208, 120), noise=2))
        scene, bed = answer["data"]["scene"], answer["data"]["bed"]
        self.assertEqual(bed["state"], "moving")
        self.assertGreater(bed["energy"], 3 * scene["energy"])
        # 8 of 160 columns are new, 8 were left, over 40 of 90 lines.
        self.assertAlmostEqual(bed["moving"], 16 * 40 / (160 * 90), delta=0.01)
        (found,) = answer["detections"]
        self.assertEqual(found["class_name"], "motion")
        expected = (200 / WIDTH, 120 / HEIGHT, 248 / WIDTH, 160 / HEIGHT)
        for got, right in zip(found["bbox"], expected):
            self.assertAlmostEqual(got, right, delta=5 / HEIGHT)

    def test_motion_elsewhere(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene((40, 20), noise=2))
        answer = self.look(worker, self.scene((60, 20), noise=2))
        self.assertGreater(answer["data"]["scene"]["energy"], 0.01)
        self.assertEqual(answer["data"]["bed"], {"energy": 0, "moving": 0, "state": "still"})

    def test_motion_while_the_light_changes(self) -> None:
        worker = self.begin()
        self.look(worker, self.scene((200, 120), noise=2))
        answer = self.look(worker, self.scene((216, 120), noise=2) * 0.8 + 20)
        self.assertEqual(answer["data"]["bed"]["state"], "moving")
        self.assertLess(answer["data"]["scene"]["moving"], 0.05)

    def test_dropped_frames_do_not_make_it_stronger(self) -> None:
        worker, energies = self.begin(), []
        self.look(worker, self.scene((180, 120)))
        x = 180
        for seconds in (0.1, 0.4, 0.2):
            x += round(80 * seconds)
            energies.append(self.look(worker, self.scene((x, 120)), seconds)["data"]["bed"]["energy"])
        self.assertLess(max(energies), 1.5 * min(energies))

    def test_the_threshold(self) -> None:
        worker = self.begin(threshold=10)
        self.look(worker, self.scene((200, 120)))
        bed = self.look(worker, self.scene((208, 120)))["data"]["bed"]
        self.assertGreater(bed["energy"], 0)
        self.assertEqual(bed["state"], "still")

    def test_a_bed_that_cannot_be(self) -> None:
        for bed in ([0, 0, 1], [0.5, 0, 0.5, 1], [0, 0, 1, 1.1]):
            worker = self.start_example("flow.py", options={"bed": bed})
            self.assertEqual((worker.ends(), worker.rest()), (1, b""))
            self.assertTrue(worker.log.startswith(f"options.bed is {bed}; [x_min, "), worker.log)
