"""Granting, with a clock that stands still."""

from __future__ import annotations

import random
import unittest
from typing import List, Optional

from vigia.container._turns import GRANT_MS, MAX_WAITING, Job, TurnKey, Turns, Want

from .container_support import FakeClock


class TurnCase(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = FakeClock()
        self.turns = Turns(self.clock)
        self.events: List[str] = []

    def key(self, name: str, connection: int = 1) -> TurnKey:
        return TurnKey(connection, name, "people")

    def want(self, name: str, connection: int = 1) -> Optional[str]:
        say = self.events.append
        give = lambda grant, ms: say(f"{name} granted {grant}")  # noqa: E731
        return self.turns.want(Want(self.key(name, connection), give, lambda: say(f"{name} withdrawn")))

    def submit(self, name: str, grant: Optional[str] = None, ms: Optional[float] = None, connection: int = 1) -> None:
        say = self.events.append
        start, reject = lambda: say(f"{name} starts"), lambda code, _: say(f"{name} {code}")
        self.turns.submit(Job(connection, name, grant, ms, start, reject))

    def taken(self) -> List[str]:
        events, self.events[:] = list(self.events), []
        return events


class Granting(TurnCase):
    def test_one_at_a_time_in_order(self) -> None:
        self.want("a")
        self.want("b")
        self.submit("c")
        self.assertEqual(self.taken(), ["a granted g1"])
        self.submit("a", "g1")
        self.want("a")
        self.assertEqual(self.taken(), ["a starts"])
        self.turns.finished()
        self.assertEqual(self.taken(), ["b granted g2"])
        self.submit("b", "g2")
        self.turns.finished()
        self.assertEqual(self.taken(), ["b starts", "c starts"])
        self.turns.finished()
        self.assertEqual(self.taken(), ["a granted g3"])

    def test_a_grant_that_is_not_used_passes_on_and_its_infer_is_late(self) -> None:
        self.want("a")
        self.want("b")
        self.clock.advance(GRANT_MS - 0.1)
        self.assertEqual(self.taken(), ["a granted g1"])
        self.clock.advance(0.1)
        self.submit("a", "g1")
        self.assertEqual(self.taken(), ["b granted g2", "a grant_expired"])
        self.assertEqual((self.turns.grants, self.turns.grants_expired), (2, 1))

    def test_a_grant_is_for_its_camera_and_connection_once(self) -> None:
        self.want("a")
        self.submit("b", "g1")
        self.submit("a", "g1", connection=2)
        self.submit("a", "g9")
        self.submit("a", "g1")
        self.submit("a", "g1")
        self.assertEqual(
            self.taken(),
            ["a granted g1", "b grant_expired", "a grant_expired", "a grant_expired", "a starts", "a grant_expired"],
        )
        self.clock.advance(1000)
        self.assertEqual(self.turns.grants_expired, 0)

    def test_an_unfinished_run_keeps_everybody_from_a_grant(self) -> None:
        self.want("a")
        self.submit("a", "g1")
        self.assertIsNone(self.want("a"))
        self.turns.disconnect(1)
        self.want("a", connection=2)
        self.assertEqual(self.taken(), ["a granted g1", "a starts", "a withdrawn"])
        self.turns.finished()
        self.assertEqual(self.taken(), ["a granted g2"])

    def test_a_key_waits_once(self) -> None:
        self.submit("x")
        self.assertIsNone(self.want("a"))
        self.assertEqual(self.want("a"), "bad_request")
        self.assertIsNone(self.want("a", connection=2))

    def test_unwant_takes_back_what_waits_and_what_is_out(self) -> None:
        self.want("a")
        self.want("b")
        self.turns.unwant(self.key("b"))
        self.turns.unwant(self.key("nobody"))
        self.want("c")
        self.turns.unwant(self.key("a"))
        self.assertEqual(self.taken(), ["a granted g1", "b withdrawn", "c granted g2"])
        self.clock.advance(50)
        self.assertEqual(self.taken(), [])

    def test_an_end_withdraws_wants_and_keeps_jobs_and_a_closing_takes_all(self) -> None:
        self.submit("x", connection=9)
        self.want("a")
        self.submit("b")
        self.turns.withdraw_wants(1)
        self.assertEqual(self.taken(), ["x starts", "a withdrawn"])
        self.turns.disconnect(1)
        self.assertEqual(self.taken(), ["b closing"])
        self.assertEqual(self.turns.waiting, 0)


class Waiting(TurnCase):
    def test_one_job_per_camera(self) -> None:
        for connection in (1, 2, 3):
            self.submit("a", connection=connection)
        self.assertEqual(self.taken(), ["a starts", "a overloaded"])

    def test_a_deadline_ends_the_waiting_only(self) -> None:
        self.submit("a", ms=20)
        self.submit("b", ms=20)
        self.clock.advance(20)
        self.assertEqual(self.taken(), ["a starts", "b deadline_exceeded"])
        self.submit("b", ms=20)
        self.turns.finished()
        self.turns.finished()
        self.clock.advance(100)
        self.assertEqual(self.taken(), ["b starts"])
        self.assertEqual(self.clock.pending, 0)

    def test_the_line_is_bounded(self) -> None:
        self.submit("first")
        for i in range(MAX_WAITING):
            self.assertIsNone(self.want(f"w{i}"))
        self.assertEqual(self.want("one more"), "overloaded")
        self.submit("one more")
        self.assertEqual(self.taken(), ["first starts", "one more overloaded"])

    def test_closing_settles_everything(self) -> None:
        self.want("a")
        self.want("b")
        self.submit("c", ms=10)
        self.turns.close()
        self.turns.close()
        self.assertEqual(self.taken(), ["a granted g1", "b withdrawn", "c closing"])
        self.assertEqual((self.turns.waiting, self.clock.pending), (0, 0))


class Conservation(unittest.TestCase):
    def test_whatever_happens_one_at_a_time_and_everything_is_settled_once(self) -> None:
        for seed in range(150):
            with self.subTest(seed=seed):
                _Chaos(self, random.Random(seed)).run()


class _Chaos:
    """Random steps; counts open requests."""

    def __init__(self, case: unittest.TestCase, dice: random.Random) -> None:
        self.case, self.dice = case, dice
        self.clock = FakeClock()
        self.turns = Turns(self.clock)
        self.open = self.running = 0
        self.grants: List[tuple[str, int, str]] = []

    def run(self) -> None:
        for _ in range(80):
            getattr(self, self.dice.choice(("want", "unwant", "infer", "infer", "granted", "finish", "wait", "drop")))()
            self.case.assertLessEqual(self.running, 1)
        self.turns.close()
        self.case.assertEqual((self.open, self.turns.waiting, self.clock.pending), (0, 0, 0))

    def key(self) -> TurnKey:
        return TurnKey(self.dice.randrange(3), f"c{self.dice.randrange(4)}", "x")

    def settle(self) -> None:
        self.open -= 1

    def want(self) -> None:
        key = self.key()

        def give(grant: str, _: float) -> None:
            self.settle()
            self.case.assertEqual(self.running, 0)
            self.grants.append((grant, key.connection, key.camera))

        self.open += 1
        if self.turns.want(Want(key, give, self.settle)) is not None:
            self.settle()

    def unwant(self) -> None:
        self.turns.unwant(self.key())

    def infer(self) -> None:
        self.submit(self.key(), None)

    def granted(self) -> None:
        if self.grants:
            grant, connection, camera = self.dice.choice(self.grants)
            self.submit(TurnKey(connection, camera, "x"), grant)

    def submit(self, key: TurnKey, grant: Optional[str]) -> None:
        def start() -> None:
            self.settle()
            self.running += 1

        self.open += 1
        self.turns.submit(Job(key.connection, key.camera, grant, 150, start, lambda *_: self.settle()))

    def finish(self) -> None:
        if self.running:
            self.running -= 1
            self.turns.finished()

    def wait(self) -> None:
        self.clock.advance(self.dice.choice((10, 60, 200)))

    def drop(self) -> None:
        self.turns.disconnect(self.dice.randrange(3))
