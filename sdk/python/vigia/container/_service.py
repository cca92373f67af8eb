"""One model, served in turns."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from ._frame import Frame
from ._frames import ConnectionFrames
from ._health import Health
from ._loop import Clock, Timer
from ._messages import (
    FORMATS,
    MESSAGE_LIMIT,
    PROTOCOL_VERSION,
    InferRequest,
    Message,
    TurnRequest,
    encode,
    grant_given,
    infer_error,
    infer_ok,
    no_grant,
    with_id,
)
from ._model_spec import ModelSpec
from ._references import FrameProblem
from ._runner import Outcome, Runner
from ._turns import Job, TurnKey, Turns, Want

RUN_LIMIT_FLOOR_MS = 2000
"""Shortest run limit."""
RUN_LIMIT_FACTOR = 5
"""The first inference is the slowest of a healthy model: five times that is a hang."""
_SECOND_LOOK_MS = 250

Answer = Callable[[bytes], None]
"""Takes an encoded answer. Call it once."""


class Peer(NamedTuple):
    """One connection from the service's point of view."""

    connection: int
    frames: ConnectionFrames


class ModelService:
    """Knows messages but no sockets, and keeps no state per camera.

    Belongs to the loop's thread; does not own the runner.
    """

    def __init__(
        self, model: ModelSpec, runner: Runner, clock: Clock, run_limit_ms: float, on_hang: Callable[[str], None]
    ) -> None:
        """``on_hang`` is called when a run exceeds the limit."""
        self._model = model
        self._runner = runner
        self._clock = clock
        self._run_limit_ms = run_limit_ms
        self._on_hang = on_hang
        self._turns = Turns(clock)
        self._health = Health(clock)
        self._limit: Optional[Timer] = None

    @property
    def model_id(self) -> str:
        """The model's id in requests."""
        return self._model.model_id

    def infer(self, peer: Peer, request: InferRequest, answer: Answer) -> None:
        """Answers ``infer``, exactly once, now or later."""
        received_ms = self._clock.now_ms()
        self._health.request()

        def reject(code: str, message: str) -> None:
            self._health.failed(f"{code}: {message}")
            answer(encode(infer_error(request, code, message)))

        def start() -> None:
            self._start(peer, request, self._clock.now_ms() - received_ms, answer, reject)

        if request.model_id != self._model.model_id:
            return reject("unknown_model", self._unknown(request.model_id))
        job = Job(peer.connection, request.camera_id, request.grant, request.deadline_ms, start, reject)
        self._turns.submit(job)

    def want(self, peer: Peer, request: TurnRequest, answer: Answer) -> None:
        """Answers ``want``, exactly once: at once with an error, when it is its turn, or when it is withdrawn."""
        ident = request.request_id
        if request.model_id != self._model.model_id:
            return answer(encode(no_grant(ident, "unknown_model", self._unknown(request.model_id))))
        want = Want(
            TurnKey(peer.connection, request.camera_id, request.consumer),
            give=lambda grant, expires_ms: answer(encode(grant_given(ident, grant, expires_ms))),
            withdraw=lambda: answer(encode(no_grant(ident))),
        )
        refused = self._turns.want(want)
        if refused == "bad_request":
            answer(encode(no_grant(ident, refused, "this key waits already: one want at a time")))
        elif refused is not None:
            answer(encode(no_grant(ident, refused, "too many requests are waiting")))

    def unwant(self, peer: Peer, request: TurnRequest) -> None:
        """Withdraws a ``want``, or gives its unused grant back."""
        self._turns.unwant(TurnKey(peer.connection, request.camera_id, request.consumer))

    def peer_ended(self, peer: Peer) -> None:
        """The peer sends no more, but still reads."""
        self._turns.withdraw_wants(peer.connection)

    def peer_gone(self, peer: Peer) -> None:
        """The peer has disconnected. Its run goes on, and the answer is discarded."""
        self._turns.disconnect(peer.connection)

    def state(self, op: str, request_id: Optional[str]) -> bytes:
        """The answer to ``describe`` or ``health``."""
        if op == "describe":
            return encode(with_id(request_id, self._description()))
        return encode(with_id(request_id, self._health.snapshot(self._turns.grants, self._turns.grants_expired)))

    def close(self) -> None:
        """Settles everything that waits. Idempotent."""
        if self._limit is not None:
            self._limit.cancel()
        self._turns.close()

    def _description(self) -> Message:
        facts = self._model
        return {
            "protocol": PROTOCOL_VERSION,
            "model_id": facts.model_id,
            "model_version": facts.version,
            "task": facts.task,
            "classes": list(facts.classes),
            "input": {"width": facts.width, "height": facts.height, "formats": list(FORMATS), "fit": facts.fit},
            "max_batch": 1,
            "providers": list(facts.providers),
            "error": None,
        }

    def _unknown(self, found: str) -> str:
        return f"this container serves '{self._model.model_id}', not '{found}'"

    def _start(
        self, peer: Peer, request: InferRequest, queue_ms: float, answer: Answer, reject: Callable[[str, str], None]
    ) -> None:
        def done(outcome: Outcome) -> None:
            if self._limit is not None:
                self._limit.cancel()
            try:
                self._settle(request, outcome, queue_ms, answer, reject)
            finally:
                self._turns.finished()

        # The key cannot get another grant before `finished`: nothing is granted during a run.
        self._limit = self._clock.after(self._run_limit_ms, self._look_again)
        self._runner.run(lambda: self._copy(peer, request), done)

    def _copy(self, peer: Peer, request: InferRequest) -> Frame:
        """On the runner's thread."""
        facts, metadata = self._model, request.frame_metadata
        if not facts.any_size and (metadata.width, metadata.height) != (facts.width, facts.height):
            sizes = f"{metadata.width}x{metadata.height}, this model takes {facts.width}x{facts.height}"
            raise FrameProblem("frame_invalid", f"the frame is {sizes}")
        return peer.frames.copy(request)

    def _settle(
        self,
        request: InferRequest,
        outcome: Outcome,
        queue_ms: float,
        answer: Answer,
        reject: Callable[[str, str], None],
    ) -> None:
        if outcome.detections is None:
            if outcome.ran:
                self._health.run_failed()
            return reject(outcome.code, outcome.message)
        metadata: Dict[str, Any] = {
            "inference_time_ms": round(outcome.inference_ms, 3),
            "queue_ms": round(max(0.0, queue_ms), 3),
            "batch_size": 1,
            "model_version": self._model.version,
        }
        encoded = encode(infer_ok(request, outcome.detections, metadata))
        if len(encoded) - 4 > MESSAGE_LIMIT:
            self._health.run_failed()
            count = len(outcome.detections)
            why = f"an answer of {len(encoded) - 4} bytes with {count} detections; at most {MESSAGE_LIMIT} are allowed"
            return reject("inference_failed", why)
        self._health.succeeded(outcome.inference_ms)
        answer(encoded)

    def _look_again(self) -> None:
        # Checked twice: when the whole process was suspended, the outcome has arrived and only has to be delivered.
        self._limit = self._clock.after(_SECOND_LOOK_MS, self._hangs)

    def _hangs(self) -> None:
        self._on_hang(f"an inference did not end within {round(self._run_limit_ms)} ms")
