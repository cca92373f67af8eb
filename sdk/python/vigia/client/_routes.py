"""A method per route of the HTTP API. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from ._request import Request, Sender
from .types import (
    AcknowledgeAnswer,
    Alarm,
    CameraReport,
    CameraSettings,
    Changed,
    Configuration,
    ConsumerPatch,
    DemoBreak,
    Document,
    EventsAnswer,
    EventsQuery,
    Finding,
    HealthAnswer,
    LogAnswer,
    LogsQuery,
    ModelReport,
    NodeBudget,
    NodeProblem,
    NodeStatus,
    Probe,
    ProbeAnswer,
    PutConfigAnswer,
    PutConfigQuery,
    ReadyAnswer,
    ReloadAnswer,
    Report,
    Revision,
    RollBack,
    SnapshotQuery,
    StopAnswer,
)

if TYPE_CHECKING:
    # Known to every type checker; never imported.
    from typing_extensions import Unpack


class Routes(Sender):
    """One method per route (docs/protocol/http.md). Each raises ApiError and NoAnswerError."""

    def health(self) -> HealthAnswer:
        """Whether all is well; 503 when something needs attention. Who may see all cameras gets the problems.

        `GET /healthz`, role anyone.
        """
        answer: HealthAnswer = self._json(Request("GET", "/healthz"))
        return answer

    def ready(self) -> ReadyAnswer:
        """Whether every model has started; 503 until then.

        `GET /readyz`, role anyone.
        """
        answer: ReadyAnswer = self._json(Request("GET", "/readyz"))
        return answer

    def metrics(self) -> str:
        """Counters and histograms as OpenMetrics 1.0 text (docs/reference/metrics.md).

        `GET /metrics`, role viewer.
        """
        return self._text(Request("GET", "/metrics"))

    def openapi(self) -> Dict[str, Any]:
        """This description.

        `GET /api/v1/openapi.json`, role anyone.
        """
        answer: Dict[str, Any] = self._json(Request("GET", "/api/v1/openapi.json"))
        return answer

    def report(self) -> Report:
        """A report of the whole node: one snapshot, in which its equations hold.

        `GET /api/v1/report`, role viewer.
        """
        answer: Report = self._json(Request("GET", "/api/v1/report"))
        return answer

    def status(self) -> NodeStatus:
        """The latest known values of the whole node, as `vigia status` shows them. Asks no process.

        `GET /api/v1/status`, role screen.
        """
        answer: NodeStatus = self._json(Request("GET", "/api/v1/status"))
        return answer

    def problems(self) -> List[NodeProblem]:
        """What is wrong, the worst first, each with what to do. More than `/healthz` knows, which is about alarms.

        `GET /api/v1/problems`, role screen.
        """
        answer: List[NodeProblem] = self._json(Request("GET", "/api/v1/problems"))
        return answer

    def budget(self) -> NodeBudget:
        """What the node may use at most, as computed before its start, and what the machine has.

        `GET /api/v1/budget`, role viewer.
        """
        answer: NodeBudget = self._json(Request("GET", "/api/v1/budget"))
        return answer

    def logs(self, **query: Unpack[LogsQuery]) -> LogAnswer:
        """Records of this run’s log. `next` of one answer is `after` of the next request.

        `GET /api/v1/logs`, role admin.
        """
        answer: LogAnswer = self._json(Request("GET", "/api/v1/logs", query=dict(query)))
        return answer

    def stop(self, *, idempotency_key: Optional[str] = None) -> StopAnswer:
        """Ends the node like SIGTERM, once this answer has been sent.

        `POST /api/v1/stop`, role admin.
        """
        answer: StopAnswer = self._json(Request("POST", "/api/v1/stop", key=idempotency_key))
        return answer

    def cameras(self) -> Dict[str, CameraReport]:
        """The latest known report of each camera.

        `GET /api/v1/cameras`, role screen.
        """
        answer: Dict[str, CameraReport] = self._json(Request("GET", "/api/v1/cameras"))
        return answer

    def camera(self, camera: str) -> CameraReport:
        """The latest known report of a camera.

        `GET /api/v1/cameras/{camera}`, role screen.
        """
        answer: CameraReport = self._json(Request("GET", "/api/v1/cameras/{camera}", params={"camera": camera}))
        return answer

    def put_camera(
        self,
        camera: str,
        body: CameraSettings,
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Changed:
        """Adds a camera or replaces its settings. The node connects to the address that is in them.

        `PUT /api/v1/cameras/{camera}`, role admin.
        """
        answer: Changed = self._json(
            Request(
                "PUT",
                "/api/v1/cameras/{camera}",
                params={"camera": camera},
                body=body,
                if_match=if_match,
                key=idempotency_key,
            ),
        )
        return answer

    def patch_camera(
        self,
        camera: str,
        body: Dict[str, Any],
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Changed:
        """Changes some settings of a camera (JSON merge patch, RFC 7396): what is absent stays, null removes.

        `PATCH /api/v1/cameras/{camera}`, role admin.
        """
        answer: Changed = self._json(
            Request(
                "PATCH",
                "/api/v1/cameras/{camera}",
                params={"camera": camera},
                body=body,
                if_match=if_match,
                key=idempotency_key,
            ),
        )
        return answer

    def remove_camera(
        self,
        camera: str,
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Changed:
        """Removes a camera, until the file changes it or it is added again.

        `DELETE /api/v1/cameras/{camera}`, role admin.
        """
        answer: Changed = self._json(
            Request(
                "DELETE",
                "/api/v1/cameras/{camera}",
                params={"camera": camera},
                if_match=if_match,
                key=idempotency_key,
            ),
        )
        return answer

    def probe(self, body: Probe) -> ProbeAnswer:
        """Connects to a camera that the node does not have, for 15 s at most, and says what came: state, stream, a picture. One at a time. Nothing is kept.

        `POST /api/v1/probe`, role admin.
        """
        answer: ProbeAnswer = self._json(Request("POST", "/api/v1/probe", body=body))
        return answer

    def patch_consumer(
        self,
        camera: str,
        consumer: str,
        body: ConsumerPatch,
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Changed:
        """Switches a consumer off or on, or changes its rate. `fps: null`: as many pictures as it can take.

        `PATCH /api/v1/cameras/{camera}/consumers/{consumer}`, role admin.
        """
        answer: Changed = self._json(
            Request(
                "PATCH",
                "/api/v1/cameras/{camera}/consumers/{consumer}",
                params={"camera": camera, "consumer": consumer},
                body=body,
                if_match=if_match,
                key=idempotency_key,
            ),
        )
        return answer

    def restart_camera(self, camera: str, *, idempotency_key: Optional[str] = None) -> None:
        """Gives a camera a new process. Answers when it has been started.

        `POST /api/v1/cameras/{camera}/restart`, role operator.
        """
        self._json(Request("POST", "/api/v1/cameras/{camera}/restart", params={"camera": camera}, key=idempotency_key))

    def restart_consumer(self, camera: str, consumer: str, *, idempotency_key: Optional[str] = None) -> None:
        """Restarts the worker of a consumer. Answers when it is ready.

        `POST /api/v1/cameras/{camera}/consumers/{consumer}/restart`, role operator.
        """
        self._json(
            Request(
                "POST",
                "/api/v1/cameras/{camera}/consumers/{consumer}/restart",
                params={"camera": camera, "consumer": consumer},
                key=idempotency_key,
            ),
        )

    def snapshot(self, camera: str, **query: Unpack[SnapshotQuery]) -> bytes:
        """A picture. `annotated=1`: the next one that has an `ok` result, with its boxes.

        `GET /api/v1/cameras/{camera}/snapshot.jpg`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/cameras/{camera}/snapshot.jpg", params={"camera": camera}, query=dict(query)),
        )

    def models(self) -> Dict[str, ModelReport]:
        """The latest known report of each model.

        `GET /api/v1/models`, role viewer.
        """
        answer: Dict[str, ModelReport] = self._json(Request("GET", "/api/v1/models"))
        return answer

    def events(self, **query: Unpack[EventsQuery]) -> EventsAnswer:
        """Stored events, the newest first: the last id of an answer is `before` of the request for earlier ones. With `after` the oldest after it first: the last id is `after` of the next request.

        `after`: Only events stored after this id, oldest first. An id that is no longer stored stands for its
           time.
        `before`: Only events stored before this id.
        `kind`: One or more of camera_state, model_state, worker_state, worker, sla, shedding, consumer_blind,
           fall, bed, visit, recording, storage, node, config, audit; separated by commas.
        `severity`: This severity and above.
        `from_`: Inclusive.
        `to`: Exclusive.
        `count`: Also count what matches camera, kind, severity, from and to, on this page or not.
        `GET /api/v1/events`, role screen.
        """
        answer: EventsAnswer = self._json(Request("GET", "/api/v1/events", query=dict(query)))
        return answer

    def alarms(self) -> List[Alarm]:
        """Alarms about people that have not ended, oldest first.

        `GET /api/v1/alarms`, role screen.
        """
        answer: List[Alarm] = self._json(Request("GET", "/api/v1/alarms"))
        return answer

    def acknowledge(
        self,
        event: str,
        body: Optional[Finding] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> AcknowledgeAnswer:
        """Somebody has seen an alarm, and may say what was found, then or later. Recorded as an event of kind `audit`.

        `POST /api/v1/events/{event}/acknowledge`, role operator.
        """
        answer: AcknowledgeAnswer = self._json(
            Request(
                "POST",
                "/api/v1/events/{event}/acknowledge",
                params={"event": event},
                body=body,
                key=idempotency_key,
            ),
        )
        return answer

    def config(self) -> Configuration:
        """The configuration in force, without secrets. `ETag` is its revision.

        `GET /api/v1/config`, role operator.
        """
        answer: Configuration = self._json(Request("GET", "/api/v1/config"))
        return answer

    def put_config(
        self,
        body: Union[Document, str],
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
        **query: Unpack[PutConfigQuery],
    ) -> PutConfigAnswer:
        """Replaces the configuration. `dry_run=1`: only lists what would change.

        `file`: With `dry_run=1`: the text is a new version of this file.
        `PUT /api/v1/config`, role admin.
        """
        answer: PutConfigAnswer = self._json(
            Request("PUT", "/api/v1/config", query=dict(query), body=body, if_match=if_match, key=idempotency_key),
        )
        return answer

    def revisions(self) -> List[Revision]:
        """The latest revisions, oldest first.

        `GET /api/v1/config/revisions`, role operator.
        """
        answer: List[Revision] = self._json(Request("GET", "/api/v1/config/revisions"))
        return answer

    def roll_back(
        self,
        body: RollBack,
        *,
        if_match: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Changed:
        """Makes an earlier revision the configuration in force. It becomes a new revision.

        `POST /api/v1/config/rollback`, role admin.
        """
        answer: Changed = self._json(
            Request("POST", "/api/v1/config/rollback", body=body, if_match=if_match, key=idempotency_key),
        )
        return answer

    def reload(self, *, idempotency_key: Optional[str] = None) -> ReloadAnswer:
        """Reads the configuration file again. Answers when its changes have been applied.

        `POST /api/v1/reload`, role admin.
        """
        answer: ReloadAnswer = self._json(Request("POST", "/api/v1/reload", key=idempotency_key))
        return answer

    def break_demo(self, body: DemoBreak, *, idempotency_key: Optional[str] = None) -> DemoBreak:
        """Of `vigia demo` only: kills a model or a recorder, or freezes a camera for 8 s, to watch what follows. 404 on any other node.

        `POST /api/v1/demo/break`, role operator.
        """
        answer: DemoBreak = self._json(Request("POST", "/api/v1/demo/break", body=body, key=idempotency_key))
        return answer
