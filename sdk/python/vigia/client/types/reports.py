"""Reports of a node, its cameras and models. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import Dict, List, Literal, Optional, TypedDict

from .events import Acknowledged

__all__ = [
    "CameraReport",
    "CameraReportMain",
    "CameraReportSkipped",
    "ConsumerReport",
    "ConsumerReportAgeMs",
    "ConsumerReportDropped",
    "ConsumerReportProcess",
    "ConsumerReportProcessLastExit",
    "ConsumerReportResults",
    "ConsumerReportSlaWindow",
    "ConsumerReportSlowed",
    "HealthProblem",
    "ModelReport",
    "ModelReportInferenceMs",
    "NodeStatus",
    "NodeStatusAlarms",
    "NodeStatusCameras",
    "NodeStatusCamerasAnswers",
    "NodeStatusCamerasRecording",
    "Report",
    "ReportMqtt",
    "ReportSystem",
    "ReportSystemProcesses",
    "StreamReport",
]


class StreamReport(TypedDict):
    kind: str
    transport: str
    codec: str
    width: int
    height: int
    interval_ms: float
    gop_ms: Optional[float]
    decode: Literal["full", "keyframes"]
    decoder: str


class CameraReportMain(TypedDict):
    state: Literal["connecting", "live", "stalled", "waiting", "stopped"]
    reason: Optional[str]
    reconnects: int
    captured: int
    lost_packets: int


class CameraReportSkipped(TypedDict):
    no_demand: int
    undecodable: int
    late: int


class ConsumerReportSlaWindow(TypedDict):
    live_ms: float
    turns: float
    ok: int
    drop_ratio: float
    late_ratio: Optional[float]
    budget: float
    breaching: bool
    breaches: int


class ConsumerReportSlowed(TypedDict):
    fps: float
    reason: str


class ConsumerReportProcessLastExit(TypedDict):
    at: str
    reason: str
    stderr: List[str]


class ConsumerReportProcess(TypedDict):
    pid: Optional[int]
    name: Optional[str]
    transport: Literal["shm", "stdin", "thread"]
    restarts_used: int
    restarts_allowed: Optional[int]
    protocol_errors: int
    log_dropped: int
    last_exit: Optional[ConsumerReportProcessLastExit]


class ConsumerReportDropped(TypedDict):
    gated: int
    overwritten: int
    stale: int
    closed: int


class ConsumerReportResults(TypedDict):
    ok: int
    expired: int
    timeout: int
    unavailable: int
    error: int


class ConsumerReportAgeMs(TypedDict):
    p50: float
    p95: float
    p99: float
    max: float
    uncertain: int


class ConsumerReport(TypedDict):
    kind: Literal["model", "worker"]
    model: Optional[str]
    worker: Optional[str]
    sla: Literal["critical", "high", "normal", "best-effort"]
    state: Literal[
        "starting",
        "ready",
        "running",
        "idle",
        "breaching",
        "restarting",
        "failed",
        "stopped",
        "unavailable",
    ]
    reason: Optional[str]
    sla_window: ConsumerReportSlaWindow
    slowed: Optional[ConsumerReportSlowed]
    process: Optional[ConsumerReportProcess]
    published: int
    delivered: int
    pending: int
    dropped: ConsumerReportDropped
    in_flight: int
    results: ConsumerReportResults
    discarded_answers: int
    age_ms: Optional[ConsumerReportAgeMs]
    detections: Dict[str, int]
    results_with: Dict[str, int]
    restarts: int


class CameraReport(TypedDict):
    state: Literal["connecting", "live", "stalled", "waiting", "stopped"]
    reason: Optional[str]
    reconnects: int
    stream: Optional[StreamReport]
    main: Optional[CameraReportMain]
    lost_packets: int
    concealed: int
    captured: int
    skipped: CameraReportSkipped
    in_decoder: int
    published: int
    distributed: int
    inbox_drops: int
    inbox_pending: int
    restarts: int
    unsent_results: int
    consumers: Dict[str, ConsumerReport]


class ModelReportInferenceMs(TypedDict):
    p50: float
    p99: float


class ModelReport(TypedDict):
    state: Literal["starting", "ready", "failing", "stopped"]
    reason: Optional[str]
    requests: int
    batches: int
    inference_ms: ModelReportInferenceMs
    restarts: int


class ReportMqtt(TypedDict):
    connected: bool
    dropped: int


class ReportSystemProcesses(TypedDict):
    pss_bytes: int
    cpu_s: float


class ReportSystem(TypedDict):
    shm_bytes: int
    processes: Dict[str, ReportSystemProcesses]


class Report(TypedDict):
    version: Literal[1]
    node: str
    duration_ms: float
    cameras: Dict[str, CameraReport]
    models: Dict[str, ModelReport]
    mqtt: Optional[ReportMqtt]
    system: ReportSystem


class _HealthProblem(TypedDict):
    code: str
    camera: str
    message: str


class HealthProblem(_HealthProblem, total=False):
    consumer: str


class NodeStatusAlarms(TypedDict):
    subject: str
    camera: str
    event: str
    kind: Literal["fall", "bed", "visit"]
    state: str
    reason: Optional[str]
    message: str
    since_ms: float
    acknowledged: Optional[Acknowledged]


class NodeStatusCamerasAnswers(TypedDict):
    per_s: float
    age_p50_ms: Optional[float]
    age_p99_ms: Optional[float]
    age_certain: bool
    sees: Optional[str]


class NodeStatusCamerasRecording(TypedDict):
    state: Literal["waiting", "recording", "ready", "paused"]
    reason: Optional[str]
    message: Optional[str]
    bytes: float
    lost_ms: float
    kept_ms: Optional[float]
    room_ms: Optional[float]


class _NodeStatusCameras(TypedDict):
    report: CameraReport
    message: Optional[str]
    answers: Dict[str, NodeStatusCamerasAnswers]


class NodeStatusCameras(_NodeStatusCameras, total=False):
    name: str
    order: int
    recording: NodeStatusCamerasRecording


class _NodeStatus(TypedDict):
    version: Literal[1]
    node: str
    vigia: str
    pid: int
    up_ms: float
    shm_bytes: int
    mqtt: str
    problems: List[HealthProblem]
    alarms: List[NodeStatusAlarms]
    cameras: Dict[str, NodeStatusCameras]
    models: Dict[str, ModelReport]


class NodeStatus(_NodeStatus, total=False):
    demo: Literal[True]
