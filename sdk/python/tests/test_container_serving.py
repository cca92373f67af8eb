"""A container on a real socket: operations, order, turns, health."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from unittest import mock

from vigia.container import Container, ContainerError, Detection, Frame, ModelSpec
from vigia.container import _container as container_module

from .container_support import WHOLE, ContainerCase, GatedModel, infer, shm_path, want

HEALTH = {"op": "health", "request_id": "h"}


class Operations(ContainerCase):
    def test_the_original_contract_one_request_and_done(self) -> None:
        self.start(GatedModel())
        client = self.client()
        client.send(infer("a", self.frame))
        client.socket.shutdown(1)
        answer = client.next()
        metadata = answer.pop("metadata")
        found = [{"class_id": 0, "class_name": "bright", "confidence": 0.9, "bbox": [0.0, 0.0, 1.0, 1.0]}]
        expected = {"model_id": "m", "camera_id": "a", "frame_id": 7, "detections": found, "error": None}
        self.assertEqual(answer, expected)
        self.assertEqual((metadata["batch_size"], metadata["model_version"]), (1, "0"))
        self.assertGreaterEqual(metadata["inference_time_ms"], 0)
        self.assertGreaterEqual(metadata["queue_ms"], 0)
        self.assertTrue(client.ended())

    def test_answers_without_id_keep_their_order_and_those_with_one_overtake(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        client = self.client()
        client.send(infer("a", self.frame), {"op": "health"}, {"op": "describe", "request_id": "d"}, HEALTH)
        self.assertEqual([client.next()["request_id"], client.next()["request_id"]], ["d", "h"])
        model.finish()
        self.assertEqual(client.next()["camera_id"], "a")
        self.assertEqual(client.next()["state"], "ready")

    def test_describe_says_what_was_declared(self) -> None:
        self.start(GatedModel(), task="pose", fit="letterbox", version="v3", classes=["bright", "", "x"], width=640)
        expected = {
            "protocol": 1,
            "model_id": "m",
            "model_version": "v3",
            "task": "pose",
            "classes": ["bright", "", "x"],
            "input": {
                "width": 640,
                "height": 2,
                "formats": ["NV12", "I420", "RGB24", "BGR24", "GRAY8"],
                "fit": "letterbox",
            },
            "max_batch": 1,
            "providers": ["cpu"],
            "error": None,
        }
        client = self.client()
        self.assertEqual(client.ask({"op": "describe"}), expected)
        self.assertEqual(client.ask({"op": "describe", "request_id": "1"}), {"request_id": "1", **expected})

    def test_health_counts(self) -> None:
        self.start(GatedModel())
        client = self.client()
        before = client.ask({"op": "health"})
        self.assertEqual(set(before["counters"].values()), {0})
        self.assertEqual((before["inference_ms"], before["last_error"]), ({"p50": 0, "p99": 0}, None))
        self.assertIsNone(client.ask(infer("a", self.frame))["error"])
        self.assert_error(client.ask(infer("a", shm_path("none"))), "frame_not_found")
        client.ask(want("a", "1"))
        after = client.ask(HEALTH)
        counters = {"requests": 2, "ok": 1, "errors": 1, "batches": 1, "grants": 1, "grants_expired": 0}
        self.assertEqual(after["counters"], counters)
        self.assertIn("frame_not_found", after["last_error"])
        self.assertGreater(after["inference_ms"]["p50"], 0)
        self.assertGreaterEqual(after["uptime_ms"], before["uptime_ms"])

    def test_failures_are_told_and_three_in_a_row_are_failing(self) -> None:
        model = GatedModel()
        self.start(model)
        client = self.client()
        model.returned = ValueError("boom\n" + "x" * 1000)
        for count in range(3):
            self.assertEqual(client.ask(HEALTH)["state"], "ready", count)
            answer = client.ask(infer("a", self.frame))
            self.assert_error(answer, "inference_failed", "ValueError: boom x")
            self.assertEqual(len(answer["error"]["message"]), 500)
        health = client.ask(HEALTH)
        self.assertEqual((health["state"], health["counters"]["batches"]), ("failing", 3))
        self.assertTrue(any("test_container" in text or "container_support" in text for _, text in self.log_lines()))
        model.returned = []
        self.assertEqual(client.ask(infer("a", self.frame))["detections"], [])
        self.assertEqual(client.ask(HEALTH)["state"], "ready")

    def test_whatever_the_function_throws_or_returns_the_container_lives(self) -> None:
        model = GatedModel()
        self.start(model)
        client = self.client()
        for outcome, text in (
            (SystemExit(3), "SystemExit: 3"),
            (KeyboardInterrupt(), "KeyboardInterrupt"),
            (_Unspeakable(), "_Unspeakable: its text is unavailable"),
            (KeyError("x"), "KeyError: 'x'"),
            (None, "the function returned None, a list of Detection is expected"),
            ([None], "detection 0 is None"),
            ([Detection(0, "bright", float("nan"), WHOLE)], "confidence has nan"),
        ):
            with self.subTest(text):
                model.returned = outcome
                self.assert_error(client.ask(infer("a", self.frame)), "inference_failed", text)

    def test_an_answer_that_is_too_long_is_a_failure(self) -> None:
        model = GatedModel()
        self.start(model)
        client = self.client()
        model.returned = [Detection(0, "bright", 0.123456789, (0.1, 0.2, 0.3, 0.4))] * 20_000
        self.assert_error(client.ask(infer("a", self.frame)), "inference_failed", "at most 1048576 are allowed")

    def test_unknown_models_and_operations(self) -> None:
        self.start(GatedModel())
        client = self.client()
        text = "this container serves 'm', not 'x'"
        self.assert_error(client.ask(infer("a", self.frame, model_id="x")), "unknown_model", text)
        self.assert_error(client.ask(want("a", "1", model_id="x")), "unknown_model", text)
        self.assert_error(client.ask({"op": "dance", "request_id": "1"}), "bad_request", 'unknown op "dance"')
        self.assert_error(client.ask({**want("a", "5"), "consumer": 7}), "bad_request", "consumer")
        self.assertEqual(client.ask({"op": "health"})["counters"]["requests"], 1)


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class Turns(ContainerCase):
    def let_grants_live(self) -> None:
        """For tests that are not about their end, on machines that may be slow."""
        patient = mock.patch("vigia.container._turns.GRANT_MS", 60_000)
        patient.start()
        self.addCleanup(patient.stop)

    def test_two_peers_that_always_want_take_turns(self) -> None:
        self.let_grants_live()
        model = GatedModel(gated=True)
        self.start(model)
        peers = {"a": self.client(), "b": self.client()}
        grant = peers["a"].ask(want("a", "w"))
        # The first round must not begin before b is in line, otherwise a could win two in a row.
        peers["b"].send(want("b", "w"))
        peers["b"].ask(HEALTH)
        for turn in range(6):
            me, other = ("a", "b") if turn % 2 == 0 else ("b", "a")
            peers[me].send(infer(me, self.frame, request_id="i", grant=grant["grant"]["id"]), want(me, "w"))
            peers[me].ask(HEALTH)
            model.finish()
            answer = peers[me].next()
            self.assertEqual((answer["request_id"], answer["error"]), ("i", None))
            grant = peers[other].next()
        self.assertEqual(len(model.frames), 7)

    def test_a_grant_expires_by_the_clock(self) -> None:
        self.start(GatedModel())
        a, b = self.client(), self.client()
        first = a.ask(want("a", "1"))["grant"]
        self.assertEqual(first["expires_ms"], 100)
        self.assertEqual(b.ask(want("b", "2"))["error"], None)
        first = first["id"]
        self.assert_error(a.ask(infer("a", self.frame, grant=first)), "grant_expired")
        self.assertEqual(a.ask(HEALTH)["counters"]["grants_expired"], 1)

    def test_a_grant_of_another_connection_is_worth_nothing(self) -> None:
        self.let_grants_live()
        self.start(GatedModel())
        a, b = self.client(), self.client()
        grant = a.ask(want("a", "1"))["grant"]["id"]
        self.assert_error(b.ask(infer("a", self.frame, grant=grant)), "grant_expired")
        self.assertIsNone(a.ask(infer("a", self.frame, grant=grant))["error"])
        self.assert_error(a.ask(infer("a", self.frame, grant=grant)), "grant_expired")

    def test_unwant_withdraws_and_is_answered_when_asked(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        client = self.client()
        client.send(infer("x", self.frame, request_id="x"), want("c", "3"), want("c", "4"), want("c", "5", "unwant"))
        self.assert_error(client.next(), "bad_request", "one want at a time")
        self.assertEqual(client.next(), {"request_id": "3", "grant": None, "error": None})
        self.assertEqual(client.next(), {"request_id": "5", "grant": None, "error": None})
        silent = want("c", "", "unwant")
        del silent["request_id"]
        client.send(silent)
        self.assertEqual(client.ask(HEALTH)["request_id"], "h")
        model.finish()
        self.assertEqual(client.next()["request_id"], "x")

    def test_jobs_without_a_grant(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        client, other = self.client(), self.client()
        # A deadline beyond the kernel's range never passes.
        client.send(*(infer("a", self.frame, request_id=str(i), deadline_ms=1e308) for i in (1, 2)))
        client.ask(HEALTH)
        self.assert_error(other.ask(infer("a", self.frame)), "overloaded", "'a' is waiting already")
        self.assert_error(other.ask(infer("b", self.frame, deadline_ms=20)), "deadline_exceeded")
        for _ in range(2):
            model.finish()
            self.assertIsNone(client.next()["error"])
        self.assertEqual(len(model.frames), 3)

    def test_who_goes_away_takes_its_turn_along(self) -> None:
        self.let_grants_live()
        self.start(GatedModel())
        a, b = self.client(), self.client()
        a.ask(want("a", "1"))
        b.send(want("b", "2"))
        b.ask(HEALTH)
        a.close()
        self.assertEqual(b.next()["request_id"], "2")
        self.assertEqual(b.ask(HEALTH)["counters"]["grants_expired"], 0)

    def test_a_run_for_somebody_who_is_gone_is_finished_first(self) -> None:
        self.let_grants_live()
        model = GatedModel(gated=True)
        self.start(model)
        gone, b = self.client(), self.client()
        grant = gone.ask(want("a", "1"))["grant"]["id"]
        gone.send(infer("a", self.frame, grant=grant))
        gone.ask(HEALTH)
        gone.close()
        b.send(want("a", "2"))
        self.assertEqual(b.ask(HEALTH)["counters"]["grants"], 1)
        model.finish()
        self.assertEqual(b.next()["request_id"], "2")


class Lives(ContainerCase):
    def test_load_and_probe_come_before_the_socket(self) -> None:
        seen = []

        def load() -> None:
            seen.append(("load", threading.current_thread().name, os.path.exists(self.path)))

        def model(frame: Frame) -> list[Detection]:
            seen.append((frame.rgb(), threading.current_thread().name, os.path.exists(self.path)))
            return []

        container = self.start(model, load=load)
        self.assertEqual(seen, [("load", "vigia-inference", False), (b"\x80" * 12, "vigia-inference", False)])
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
        self.assertGreaterEqual(container.run_limit_ms, 2000)

    def test_a_model_that_fails_at_the_start_never_listens(self) -> None:
        def fails(*_: object) -> list[Detection]:
            raise OSError("no weights")

        for code, more in (("load_failed", {"load": fails}), ("probe_failed", {})):
            with self.subTest(code), self.assertRaises(ContainerError) as caught:
                self.start(GatedModel() if more else fails, **more)
            self.assertEqual(caught.exception.code, code)
            self.assertIn("no weights", str(caught.exception))
        with self.assertRaises(ContainerError) as caught:
            self.start(lambda frame: None)  # type: ignore[arg-type, return-value]
        self.assertIn("the function returned None", str(caught.exception))
        self.assertFalse(os.path.exists(self.path))

    def test_closing_settles_what_waits_and_removes_the_socket(self) -> None:
        model = GatedModel(gated=True)
        container = self.start(model)
        client = self.client()
        client.send(infer("x", self.frame, request_id="x"), want("a", "1"), infer("y", self.frame, request_id="2"))
        client.ask(HEALTH)
        closing = threading.Thread(target=container.close)
        closing.start()
        self.assertEqual(client.next(), {"request_id": "1", "grant": None, "error": None})
        self.assert_error(client.next(), "closing", "stopping")
        self.assertTrue(client.ended())
        model.finish()
        closing.join()
        self.assertFalse(os.path.exists(self.path))
        self.assertTrue(container.close())
        with self.assertRaises(OSError):
            self.client()

    def test_sockets_in_the_way(self) -> None:
        first = self.start(GatedModel())
        with self.assertRaises(ContainerError) as caught:
            self.start(GatedModel())
        self.assertEqual(caught.exception.code, "socket_in_use")
        self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")
        # As after kill -9: the file stays, without a listener.
        with mock.patch.object(container_module.ListeningSocket, "unlink"):
            first.close()
        self.assertTrue(os.path.exists(self.path))
        second = self.start(GatedModel())
        self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")
        second.close()
        with open(self.path, "w"):
            pass
        with self.assertRaises(ContainerError) as caught:
            self.start(GatedModel())
        self.assertIn("is no socket", str(caught.exception))

    def test_a_socket_that_somebody_replaced_is_left_alone(self) -> None:
        first = self.start(GatedModel())
        os.unlink(self.path)
        second = self.start(GatedModel())
        first.close()
        self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")
        second.close()
        self.assertFalse(os.path.exists(self.path))

    def test_wrong_facts_are_named(self) -> None:
        right = {"model_id": "m", "classes": ["x"], "width": 2, "height": 2, "socket_path": self.path}
        for name, value in (
            *(("model_id", bad) for bad in ("", "m" * 129, 7)),
            *(("width", bad) for bad in (0, 16385, 2.0, True)),
            *(("classes", [1]), ("task", "x"), ("fit", "crop"), ("providers", [None]), ("version", "")),
        ):
            with self.subTest(name, value=value), self.assertRaisesRegex(ValueError, name):
                Container(GatedModel(), **{**right, name: value})  # type: ignore[arg-type]
        with self.assertRaises(ContainerError) as caught:
            Container(GatedModel(), **{**right, "socket_path": "/tmp/" + "x" * 103}).start()  # type: ignore[arg-type]
        self.assertEqual(caught.exception.code, "socket_path")
        with self.assertRaises(ContainerError) as caught:
            Container(GatedModel(), allow_dirs=["/nowhere"], **right).start()  # type: ignore[arg-type]
        self.assertEqual(caught.exception.code, "allow_dir")

    def test_a_spec_is_the_same_as_its_attributes_by_keyword(self) -> None:
        spec = ModelSpec("m", ["bright"], 2, 2, version="7")
        container = Container(GatedModel(), spec, socket_path=self.path, version="8").start()
        self.addCleanup(container.close)
        described = self.client().ask({"op": "describe"})
        self.assertEqual([described[key] for key in ("model_id", "classes", "model_version")], ["m", ["bright"], "8"])
        with self.assertRaisesRegex(TypeError, "classes"):
            Container(GatedModel(), socket_path=self.path, model_id="m", width=2, height=2)
        with self.assertRaisesRegex(TypeError, "colour"):
            Container(GatedModel(), spec, socket_path=self.path, colour=1)

    def test_a_hang_is_told_once_the_limit_is_over(self) -> None:
        model, told = GatedModel(gated=True), threading.Event()
        with mock.patch.object(container_module, "RUN_LIMIT_FLOOR_MS", 20):
            self.start(model, on_hang=lambda why: told.set())
        client = self.client()
        client.send(infer("a", self.frame))
        self.assertTrue(told.wait(5))
        self.assertEqual(client.ask(HEALTH)["state"], "ready")
        model.finish()

    def test_descriptors_and_threads_do_not_pile_up(self) -> None:
        def used() -> tuple[int, int]:
            return len(os.listdir("/proc/self/fd")), threading.active_count()

        before = used()
        for _ in range(3):
            with contextlib.closing(self.start(GatedModel())):
                client = self.client()
                client.ask(HEALTH)
                client.close()
            with self.assertRaises(ContainerError):
                self.start(lambda frame: None)  # type: ignore[arg-type, return-value]
        self.assertEqual(used(), before)
