"""Granting: docs/protocol/model-container.md. Knows neither sockets nor models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, NamedTuple, Optional, Union

from ._loop import Clock, Timer

GRANT_MS = 100
"""How long a grant may stay unused: time to take and scale a frame."""
MAX_WAITING = 64 * 32
"""Limit of the line: 64 consumers on each of 32 cameras. More would be a mistake, not a load."""


class TurnKey(NamedTuple):
    """One consumer of one camera on one connection."""

    connection: int
    camera: str
    consumer: str


@dataclass(eq=False)
class Want:
    """A ``want`` and its two outcomes: exactly one of them is called, once.

    ``give(id, expires_ms)``: it is its turn. ``withdraw()``: it was withdrawn, or its connection closed.
    """

    key: TurnKey
    give: Callable[[str, float], None]
    withdraw: Callable[[], None]


@dataclass(eq=False)
class Job:
    """An ``infer`` and its two outcomes: exactly one of them is called, once.

    ``start()``: the model is free and taken by this job until :meth:`Turns.finished`. ``reject(code, message)``.
    """

    connection: int
    camera: str
    grant: Optional[str]
    deadline_ms: Optional[float]
    start: Callable[[], None]
    reject: Callable[[str, str], None]
    timer: Optional[Timer] = None
    """The timer of its deadline, while it waits."""


class _Outstanding(NamedTuple):
    grant: str
    key: TurnKey


class Turns:
    """The model is free, promised (a grant is outstanding), or running.

    Wants and jobs wait in one line: each key at most once, each job without a grant at most once per camera. A key that
    was served rejoins at the end. No frame waits in the line: a consumer takes its newest frame when it receives the
    grant. Belongs to one thread; calls back synchronously.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line: List[Union[Want, Job]] = []
        self._outstanding: Optional[_Outstanding] = None
        self._expiry: Optional[Timer] = None
        self._running = False
        self._advancing = False
        self.grants = 0
        """Grants given so far."""
        self.grants_expired = 0
        """Of these, expired."""

    @property
    def waiting(self) -> int:
        """Number of waiting wants and jobs."""
        return len(self._line)

    def want(self, want: Want) -> Optional[str]:
        """Puts a key in line. Returns None, or why not: ``bad_request`` when it waits already, ``overloaded``."""
        if any(isinstance(entry, Want) and entry.key == want.key for entry in self._line):
            return "bad_request"
        if len(self._line) >= MAX_WAITING:
            return "overloaded"
        self._line.append(want)
        self._advance()
        return None

    def unwant(self, key: TurnKey) -> None:
        """Takes a key out of the line, or takes its unused grant back. Does nothing when it has neither."""
        self._withdraw(lambda other: other == key)
        if self._outstanding is not None and self._outstanding.key == key:
            self._take_grant()
        self._advance()

    def submit(self, job: Job) -> None:
        """Starts a job at once with a valid grant; otherwise it waits for its turn or is rejected."""
        if job.grant is not None:
            self._submit_granted(job)
        else:
            self._submit_waiting(job)

    def finished(self) -> None:
        """The started job has ended. Call it exactly once per ``start``."""
        self._running = False
        self._advance()

    def disconnect(self, connection: int) -> None:
        """Withdraws the wants, waiting jobs and grant of a closed connection. Its running job goes on."""
        for job in self._remove_jobs(lambda job: job.connection == connection):
            job.reject("closing", "the connection was closed")
        self.withdraw_wants(connection)

    def withdraw_wants(self, connection: int) -> None:
        """Withdraws the wants and the grant of a connection that sends no more. Its waiting jobs stay."""
        self._withdraw(lambda key: key.connection == connection)
        if self._outstanding is not None and self._outstanding.key.connection == connection:
            self._take_grant()
        self._advance()

    def close(self) -> None:
        """Settles everything that waits, and starts nothing any more. Idempotent."""
        self._take_grant()
        self._running = True
        self._withdraw(lambda _: True)
        for job in self._remove_jobs(lambda _: True):
            job.reject("closing", "the container is stopping")

    def _submit_granted(self, job: Job) -> None:
        out = self._outstanding
        mine = out is not None and (out.grant, out.key.connection, out.key.camera) == (
            job.grant,
            job.connection,
            job.camera,
        )
        if not mine:
            return job.reject("grant_expired", "the grant is not valid (any more): ask again")
        self._take_grant()
        self._start(job)

    def _submit_waiting(self, job: Job) -> None:
        if any(isinstance(entry, Job) and entry.camera == job.camera for entry in self._line):
            return job.reject("overloaded", f"a frame of camera '{job.camera}' is waiting already")
        if len(self._line) >= MAX_WAITING:
            return job.reject("overloaded", f"{MAX_WAITING} requests are waiting already")
        self._line.append(job)
        self._advance()
        # Only now: a job that starts at once needs no timer.
        if job.deadline_ms is not None and job in self._line:
            job.timer = self._clock.after(job.deadline_ms, lambda: self._late(job))

    def _late(self, job: Job) -> None:
        self._line.remove(job)
        # Breaks the cycle of job and timer, which would keep the job's resources until garbage collection.
        job.timer = None
        job.reject("deadline_exceeded", "the deadline passed before it was this request's turn")

    def _advance(self) -> None:
        # A loop, not a recursion: callbacks may call back in here.
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._line and not self._running and self._outstanding is None:
                first = self._line.pop(0)
                if isinstance(first, Want):
                    self._give(first)
                else:
                    _cancel(first.timer)
                    self._start(first)
        finally:
            self._advancing = False

    def _start(self, job: Job) -> None:
        self._running = True
        job.start()

    def _give(self, want: Want) -> None:
        self.grants += 1
        grant = f"g{self.grants}"
        self._expiry = self._clock.after(GRANT_MS, self._expire)
        self._outstanding = _Outstanding(grant, want.key)
        want.give(grant, GRANT_MS)

    def _expire(self) -> None:
        self.grants_expired += 1
        self._outstanding = None
        self._advance()

    def _take_grant(self) -> None:
        _cancel(self._expiry)
        self._outstanding = None

    def _withdraw(self, matches: Callable[[TurnKey], bool]) -> None:
        withdrawn = [entry for entry in self._line if isinstance(entry, Want) and matches(entry.key)]
        self._line = [entry for entry in self._line if entry not in withdrawn]
        for want in withdrawn:
            want.withdraw()

    def _remove_jobs(self, matches: Callable[[Job], bool]) -> List[Job]:
        removed = [entry for entry in self._line if isinstance(entry, Job) and matches(entry)]
        self._line = [entry for entry in self._line if entry not in removed]
        for job in removed:
            _cancel(job.timer)
        return removed


def _cancel(timer: Optional[Timer]) -> None:
    if timer is not None:
        timer.cancel()
