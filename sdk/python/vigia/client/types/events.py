"""Events and results. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import Any, List, Literal, Optional, TypedDict, Union

__all__ = [
    "Acknowledged",
    "BedData",
    "Detection",
    "FallData",
    "FallDataEvidence",
    "Finding",
    "Hops",
    "Keypoint",
    "Mask",
    "NodeEvent",
    "NodeEventAudit",
    "NodeEventAuditData",
    "NodeEventBed",
    "NodeEventCameraState",
    "NodeEventCameraStateData",
    "NodeEventConfig",
    "NodeEventConfigData",
    "NodeEventConsumerBlind",
    "NodeEventConsumerBlindData",
    "NodeEventFall",
    "NodeEventModelState",
    "NodeEventModelStateData",
    "NodeEventNode",
    "NodeEventNodeData",
    "NodeEventRecording",
    "NodeEventRecordingData",
    "NodeEventShedding",
    "NodeEventSla",
    "NodeEventStorage",
    "NodeEventStorageData",
    "NodeEventVisit",
    "NodeEventWorker",
    "NodeEventWorkerData",
    "NodeEventWorkerState",
    "NodeEventWorkerStateData",
    "ResultMessage",
    "ResultMessageError",
    "VisitData",
    "VisitDataVisit",
]


class _NodeEvent(TypedDict):
    v: Literal[1]
    id: str
    node: str
    boot: str
    at: str
    camera: Optional[str]
    consumer: Optional[str]
    phase: Optional[Literal["start", "update", "end"]]
    severity: Literal["debug", "info", "notice", "warning", "alarm"]
    subject: Optional[str]


class _Acknowledged(TypedDict):
    at: str
    by: str


class Acknowledged(_Acknowledged, total=False):
    outcome: Literal["helped_up", "no_pain", "injured", "doctor_called", "not_a_fall", "other"]
    note: str


class NodeEventCameraStateData(TypedDict):
    state: Literal["connecting", "live", "stalled", "waiting", "stopped"]
    reason: Optional[str]
    message: Optional[str]
    retry_in_ms: Optional[float]


class _NodeEventCameraState(_NodeEvent):
    kind: Literal["camera_state"]
    data: NodeEventCameraStateData


class NodeEventCameraState(_NodeEventCameraState, total=False):
    acknowledged: Acknowledged


class NodeEventModelStateData(TypedDict):
    model: str
    state: Literal["starting", "ready", "failing", "stopped"]
    reason: Optional[str]


class _NodeEventModelState(_NodeEvent):
    kind: Literal["model_state"]
    data: NodeEventModelStateData


class NodeEventModelState(_NodeEventModelState, total=False):
    acknowledged: Acknowledged


class NodeEventWorkerStateData(TypedDict):
    worker: str
    sla: Literal["critical", "high", "normal", "best-effort"]
    state: Literal["starting", "ready", "running", "idle", "breaching", "restarting", "failed", "stopped"]
    reason: Optional[str]
    message: Optional[str]
    alarm: bool


class _NodeEventWorkerState(_NodeEvent):
    kind: Literal["worker_state"]
    data: NodeEventWorkerStateData


class NodeEventWorkerState(_NodeEventWorkerState, total=False):
    acknowledged: Acknowledged


class _NodeEventWorkerData(TypedDict):
    type: Literal[
        "worker_restarting",
        "worker_failed",
        "worker_recovered",
        "sla_breached",
        "sla_recovered",
        "slowed",
        "restored",
    ]
    sla: Literal["critical", "high", "normal", "best-effort"]
    alarm: bool
    reason: Optional[str]
    message: str


class NodeEventWorkerData(_NodeEventWorkerData, total=False):
    stderr: List[str]


class _NodeEventWorker(_NodeEvent):
    kind: Literal["worker"]
    data: NodeEventWorkerData


class NodeEventWorker(_NodeEventWorker, total=False):
    acknowledged: Acknowledged


class _NodeEventSla(_NodeEvent):
    kind: Literal["sla"]
    data: NodeEventWorkerData


class NodeEventSla(_NodeEventSla, total=False):
    acknowledged: Acknowledged


class _NodeEventShedding(_NodeEvent):
    kind: Literal["shedding"]
    data: NodeEventWorkerData


class NodeEventShedding(_NodeEventShedding, total=False):
    acknowledged: Acknowledged


class NodeEventConsumerBlindData(TypedDict):
    sla: Literal["critical", "high", "normal", "best-effort"]
    message: str


class _NodeEventConsumerBlind(_NodeEvent):
    kind: Literal["consumer_blind"]
    data: NodeEventConsumerBlindData


class NodeEventConsumerBlind(_NodeEventConsumerBlind, total=False):
    acknowledged: Acknowledged


class FallDataEvidence(TypedDict):
    drop: Optional[float]
    shape: float
    body_height: float
    sightings: int
    looks: int


class _FallData(TypedDict):
    state: Literal["down", "recovered", "gone", "blind"]
    reason: Literal["fall", "long_lie"]
    message: str
    captured_at: str
    age_ms: float
    down_ms: float
    evidence: FallDataEvidence
    bbox: Optional[List[float]]


class FallData(_FallData, total=False):
    acknowledged: Acknowledged


class _NodeEventFall(_NodeEvent):
    kind: Literal["fall"]
    data: FallData


class NodeEventFall(_NodeEventFall, total=False):
    acknowledged: Acknowledged


class _BedData(TypedDict):
    state: Literal["unknown", "in", "sitting", "edge", "out", "blind"]
    reason: Optional[Literal["sitting", "edge", "out", "away"]]
    message: str
    captured_at: str
    age_ms: float
    since_ms: Optional[float]
    away_ms: Optional[float]
    bbox: Optional[List[float]]


class BedData(_BedData, total=False):
    acknowledged: Acknowledged


class _NodeEventBed(_NodeEvent):
    kind: Literal["bed"]
    data: BedData


class NodeEventBed(_NodeEventBed, total=False):
    acknowledged: Acknowledged


class VisitDataVisit(TypedDict):
    entered_at: str
    last_seen_at: str
    most_people: int


class _VisitData(TypedDict):
    state: Literal["occupied", "empty", "blind"]
    reason: Optional[Literal["occupied", "crowded", "empty"]]
    message: str
    captured_at: str
    age_ms: float
    people: int
    visit: Optional[VisitDataVisit]
    unseen_ms: float
    bbox: Optional[List[float]]


class VisitData(_VisitData, total=False):
    acknowledged: Acknowledged


class _NodeEventVisit(_NodeEvent):
    kind: Literal["visit"]
    data: VisitData


class NodeEventVisit(_NodeEventVisit, total=False):
    acknowledged: Acknowledged


class NodeEventRecordingData(TypedDict):
    state: Literal["waiting", "recording", "ready", "paused", "stopped"]
    reason: Optional[str]
    message: Optional[str]


class _NodeEventRecording(_NodeEvent):
    kind: Literal["recording"]
    data: NodeEventRecordingData


class NodeEventRecording(_NodeEventRecording, total=False):
    acknowledged: Acknowledged


class NodeEventStorageData(TypedDict):
    state: Literal["failing", "ok", "discarded"]
    message: str
    discarded: int


class _NodeEventStorage(_NodeEvent):
    kind: Literal["storage"]
    data: NodeEventStorageData


class NodeEventStorage(_NodeEventStorage, total=False):
    acknowledged: Acknowledged


class NodeEventNodeData(TypedDict):
    state: Literal["started", "stopping"]
    version: str


class _NodeEventNode(_NodeEvent):
    kind: Literal["node"]
    data: NodeEventNodeData


class NodeEventNode(_NodeEventNode, total=False):
    acknowledged: Acknowledged


class NodeEventConfigData(TypedDict):
    revision: int
    by: str
    changes: List[str]


class _NodeEventConfig(_NodeEvent):
    kind: Literal["config"]
    data: NodeEventConfigData


class NodeEventConfig(_NodeEventConfig, total=False):
    acknowledged: Acknowledged


class Finding(TypedDict, total=False):
    outcome: Literal["helped_up", "no_pain", "injured", "doctor_called", "not_a_fall", "other"]
    note: str


class _NodeEventAuditData(TypedDict):
    by: str
    action: str
    target: Optional[str]
    outcome: Literal["done", "refused"]
    reason: Optional[str]


class NodeEventAuditData(_NodeEventAuditData, total=False):
    found: Finding


class _NodeEventAudit(_NodeEvent):
    kind: Literal["audit"]
    data: NodeEventAuditData


class NodeEventAudit(_NodeEventAudit, total=False):
    acknowledged: Acknowledged


NodeEvent = Union[
    NodeEventCameraState,
    NodeEventModelState,
    NodeEventWorkerState,
    NodeEventWorker,
    NodeEventSla,
    NodeEventShedding,
    NodeEventConsumerBlind,
    NodeEventFall,
    NodeEventBed,
    NodeEventVisit,
    NodeEventRecording,
    NodeEventStorage,
    NodeEventNode,
    NodeEventConfig,
    NodeEventAudit,
]


class _Hops(TypedDict):
    decoded: float
    taken: float
    rendered: Optional[float]
    sent: Optional[float]
    received: Optional[float]
    decided: float


class Hops(_Hops, total=False):
    arrived: float


class Keypoint(TypedDict):
    name: str
    x: float
    y: float
    confidence: float


class Mask(TypedDict):
    width: int
    height: int
    counts: List[int]


class _Detection(TypedDict):
    class_id: int
    class_name: str
    confidence: float
    bbox: List[float]


class Detection(_Detection, total=False):
    keypoints: List[Keypoint]
    mask: Mask


class ResultMessageError(TypedDict):
    code: str
    message: str


class _ResultMessage(TypedDict):
    node: str
    boot: str
    camera: str
    consumer: str
    model: Optional[str]
    seq: int
    status: Literal["ok", "expired", "timeout", "unavailable", "error"]
    captured_at: str
    age_ms: float
    age_certain: bool
    age_bound_ms: Optional[float]
    pts_us: int
    hops_ms: Hops
    detections: Optional[List[Detection]]
    error: Optional[ResultMessageError]


class ResultMessage(_ResultMessage, total=False):
    worker: str
    data: Any
