"""Other answers. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

from .events import Acknowledged, NodeEvent
from .reports import HealthProblem, StreamReport

__all__ = [
    "AcknowledgeAnswer",
    "Alarm",
    "Changed",
    "ChangedCameras",
    "ClipFactsAnswer",
    "Configuration",
    "DemoBreak",
    "EventsAnswer",
    "EventsAnswerCount",
    "HealthAnswer",
    "LogAnswer",
    "LogAnswerRecords",
    "MadeToken",
    "MarkRecordingAnswer",
    "Me",
    "NodeBudget",
    "NodeProblem",
    "Preview",
    "PreviewRulesAnswer",
    "PreviewRulesAnswerNow",
    "PreviewRulesAnswerNowAlarms",
    "PreviewRulesAnswerNowChanges",
    "PreviewRulesAnswerNowChangesVisit",
    "PreviewRulesAnswerNowGaps",
    "PreviewRulesAnswerNowLeftOut",
    "ProbeAnswer",
    "ProbeAnswerPicture",
    "PutConfigAnswer",
    "ReadyAnswer",
    "RebuildRecordingsAnswer",
    "RecordingsAnswer",
    "RecordingsAnswerCameras",
    "RecordingsAnswerCamerasGaps",
    "RecordingsAnswerCamerasSpans",
    "ReloadAnswer",
    "Revision",
    "StopAnswer",
    "Token",
    "User",
]


class Me(TypedDict):
    user: Optional[str]
    role: Literal["screen", "viewer", "operator", "admin"]
    cameras: Union[Literal["all"], List[str]]
    csrf: Optional[str]
    expires_at: Optional[str]


class User(TypedDict):
    name: str
    role: Literal["screen", "viewer", "operator", "admin"]
    cameras: Union[Literal["all"], List[str]]
    password: bool
    created_at: str


class Token(TypedDict):
    id: str
    user: str
    name: str
    role: Literal["screen", "viewer", "operator", "admin"]
    created_at: str
    expires_at: Optional[str]


class MadeToken(TypedDict):
    id: str
    user: str
    name: str
    role: Literal["screen", "viewer", "operator", "admin"]
    created_at: str
    expires_at: Optional[str]
    token: str


class HealthAnswer(TypedDict):
    status: Literal["ok"]
    problems: List[HealthProblem]


class ReadyAnswer(TypedDict):
    status: Literal["ready"]


class NodeProblem(TypedDict):
    subject: str
    kind: str
    camera: Optional[str]
    consumer: Optional[str]
    model: Optional[str]
    since: str
    message: str
    remedy: str


class NodeBudget(TypedDict):
    cores: int
    memory_bytes: int
    memory_available_bytes: int
    shm_bytes: int
    shm_available_bytes: int
    processes: Dict[str, int]


class LogAnswerRecords(TypedDict):
    number: int
    time: str
    level: Literal["debug", "info", "warn", "error"]
    source: str
    message: str


class LogAnswer(TypedDict):
    records: List[LogAnswerRecords]
    lost: int
    next: int


class StopAnswer(TypedDict):
    node: str
    pid: int


class ChangedCameras(TypedDict):
    added: List[str]
    changed: List[str]
    removed: List[str]
    untouched: int


class Changed(TypedDict):
    revision: int
    changes: List[str]
    cameras: ChangedCameras
    models: ChangedCameras
    mqtt: bool
    http: bool


class ProbeAnswerPicture(TypedDict):
    width: int
    height: int
    jpeg: str


class ProbeAnswer(TypedDict):
    state: Literal["connecting", "live", "stalled", "waiting", "stopped"]
    reason: Optional[str]
    message: Optional[str]
    took_ms: float
    stream: Optional[StreamReport]
    picture: Optional[ProbeAnswerPicture]
    memory_bytes: float
    small_stream: Optional[str]


class RecordingsAnswerCamerasSpans(TypedDict):
    from_ms: float
    to_ms: float
    event: bool


class RecordingsAnswerCamerasGaps(TypedDict):
    from_ms: float
    to_ms: Optional[float]
    reason: str


class RecordingsAnswerCameras(TypedDict):
    spans: List[RecordingsAnswerCamerasSpans]
    gaps: List[RecordingsAnswerCamerasGaps]


class RecordingsAnswer(TypedDict):
    cameras: Dict[str, RecordingsAnswerCameras]


class MarkRecordingAnswer(TypedDict):
    camera: str
    from_ms: float
    to_ms: float


class RebuildRecordingsAnswer(TypedDict):
    segments: int
    bytes: float
    removed: int
    seconds: float


class ClipFactsAnswer(TypedDict):
    from_ms: float
    to_ms: float
    gaps: List[RecordingsAnswerCamerasGaps]
    segments: int
    bytes: int
    ends: Optional[Literal["format"]]


class PreviewRulesAnswerNowGaps(TypedDict):
    from_ms: float
    to_ms: float


class PreviewRulesAnswerNowAlarms(TypedDict):
    zone: str
    reason: Literal["sitting", "edge", "out", "away", "occupied", "crowded", "empty"]
    from_ms: float
    to_ms: Optional[float]


class PreviewRulesAnswerNowChangesVisit(TypedDict):
    entered_ms: float
    last_seen_ms: float
    most_people: int


class PreviewRulesAnswerNowChanges(TypedDict):
    at_ms: float
    zone: str
    state: Literal["unknown", "in", "sitting", "edge", "out", "blind", "occupied", "empty"]
    since_ms: Optional[float]
    visit: Optional[PreviewRulesAnswerNowChangesVisit]


class PreviewRulesAnswerNowLeftOut(TypedDict):
    gaps: int
    alarms: int
    changes: int


class PreviewRulesAnswerNow(TypedDict):
    consumer: str
    results: int
    gaps: List[PreviewRulesAnswerNowGaps]
    alarms: List[PreviewRulesAnswerNowAlarms]
    changes: List[PreviewRulesAnswerNowChanges]
    left_out: PreviewRulesAnswerNowLeftOut


class PreviewRulesAnswer(TypedDict):
    camera: str
    rule: Literal["bed", "visits"]
    from_ms: float
    to_ms: float
    now: Optional[PreviewRulesAnswerNow]
    would: Optional[PreviewRulesAnswerNow]


class EventsAnswerCount(TypedDict):
    events: int
    more: bool


class _EventsAnswer(TypedDict):
    events: List[NodeEvent]
    more: bool


class EventsAnswer(_EventsAnswer, total=False):
    count: EventsAnswerCount


class Alarm(TypedDict):
    subject: str
    camera: str
    event: str
    kind: Literal["fall", "bed", "visit"]
    state: str
    reason: Optional[str]
    message: str
    since_ms: float
    acknowledged: Optional[Acknowledged]
    acknowledged_by: Optional[str]
    acknowledged_at: Optional[str]


class AcknowledgeAnswer(TypedDict):
    event: str
    camera: Optional[str]
    subject: Optional[str]


class Configuration(TypedDict):
    revision: int
    at: str
    by: str
    changes: List[str]
    document: Dict[str, Any]
    beside_file: List[str]


class Preview(TypedDict):
    revision: int
    changes: List[str]


PutConfigAnswer = Union[Changed, Preview]


class Revision(TypedDict):
    revision: int
    at: str
    by: str
    changes: List[str]


class ReloadAnswer(TypedDict):
    revision: int
    changes: List[str]
    cameras: ChangedCameras
    models: ChangedCameras
    mqtt: bool
    http: bool
    text: str


class DemoBreak(TypedDict):
    what: Literal["model", "camera", "recorder"]
    camera: str
