"""What a node is sent. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

__all__ = [
    "CameraSettings",
    "CameraSettingsConsumers",
    "CameraSettingsDecoder",
    "CameraSettingsMaxPicture",
    "CameraSettingsRoi",
    "CameraSettingsTls",
    "ConsumerPatch",
    "Document",
    "DocumentCpu",
    "DocumentCpuCritical",
    "DocumentHttp",
    "DocumentHttpTls",
    "DocumentModels",
    "DocumentModelsExternal",
    "DocumentModelsExternalInput",
    "DocumentMqtt",
    "DocumentStorage",
    "DocumentStorageArchive",
    "DocumentTracing",
    "DocumentWebhooks",
    "DocumentWorkers",
    "DocumentWorkersInput",
    "DocumentWorkersRestart",
    "Mark",
    "NewToken",
    "NewUser",
    "PreviewRules",
    "PreviewRulesSize",
    "Probe",
    "Record",
    "RollBack",
    "Rules",
    "RulesBed",
    "RulesFall",
    "RulesVisits",
    "RulesVisitsZones",
    "UserChange",
    "Zone",
]


class _NewUser(TypedDict):
    name: str
    role: Literal["screen", "viewer", "operator", "admin"]


class NewUser(_NewUser, total=False):
    cameras: Union[Literal["all"], List[str]]
    password: str


class UserChange(TypedDict, total=False):
    role: Literal["screen", "viewer", "operator", "admin"]
    cameras: Union[Literal["all"], List[str]]
    password: str


class _NewToken(TypedDict):
    name: str


class NewToken(_NewToken, total=False):
    user: str
    role: Literal["screen", "viewer", "operator", "admin"]
    days: int


class CameraSettingsDecoder(TypedDict, total=False):
    threads: int
    hardware: Literal["none", "auto", "vaapi", "cuda"]


class CameraSettingsMaxPicture(TypedDict):
    width: int
    height: int


class CameraSettingsTls(TypedDict, total=False):
    verify: bool
    ca: str


class CameraSettingsRoi(TypedDict):
    x: float
    y: float
    width: float
    height: float


class CameraSettingsConsumers(TypedDict, total=False):
    model: str
    worker: str
    enabled: bool
    fps: float
    sla: Literal["critical", "high", "normal", "best-effort"]
    deadline_ms: float
    max_age_ms: float


class Record(TypedDict, total=False):
    mode: Literal["always", "on_event", "never"]
    before: str
    after: str
    on: List[str]
    keep: str
    keep_events: str
    max_bytes: str
    max_event_bytes: str


class _Zone(TypedDict):
    kind: Literal["floor", "bed", "chair", "area", "ignore", "privacy"]
    points: List[List[float]]


class Zone(_Zone, total=False):
    recorded: bool


RulesFall = TypedDict(
    "RulesFall",
    {
        "from": str,
        "long_lie": str,
    },
    total=False,
)


RulesBed = TypedDict(
    "RulesBed",
    {
        "from": str,
        "zone": str,
        "alarm": Literal["sitting", "edge", "out", "away"],
        "away": str,
        "hours": str,
    },
    total=False,
)


class RulesVisitsZones(TypedDict, total=False):
    alarm: Literal["occupied", "crowded", "empty"]
    after: str
    people: int
    hours: str


RulesVisits = TypedDict(
    "RulesVisits",
    {
        "from": str,
        "zones": Dict[str, RulesVisitsZones],
    },
)


class Rules(TypedDict, total=False):
    fall: RulesFall
    bed: RulesBed
    visits: RulesVisits


class _CameraSettings(TypedDict):
    source: str


class CameraSettings(_CameraSettings, total=False):
    detect_source: str
    transport: Literal["tcp", "udp"]
    on_loss: Literal["wait", "conceal"]
    decode: Literal["full", "keyframes"]
    decoder: CameraSettingsDecoder
    max_picture: CameraSettingsMaxPicture
    tls: CameraSettingsTls
    roi: CameraSettingsRoi
    consumers: Dict[str, CameraSettingsConsumers]
    record: Record
    zones: Dict[str, Zone]
    rules: Rules
    name: str
    order: int


class _Probe(TypedDict):
    source: str


class Probe(_Probe, total=False):
    transport: Literal["tcp", "udp"]
    tls: CameraSettingsTls


class ConsumerPatch(TypedDict, total=False):
    enabled: bool
    fps: Optional[float]


class Mark(TypedDict, total=False):
    from_ms: float
    to_ms: float


class PreviewRulesSize(TypedDict):
    width: int
    height: int


PreviewRules = TypedDict(
    "PreviewRules",
    {
        "camera": str,
        "rule": Literal["bed", "visits"],
        "from": str,
        "to": str,
        "zones": Dict[str, Zone],
        "rules": Rules,
        "size": PreviewRulesSize,
    },
    total=False,
)


class _DocumentModelsExternalInput(TypedDict):
    width: int
    height: int


class DocumentModelsExternalInput(_DocumentModelsExternalInput, total=False):
    fit: Literal["stretch", "letterbox"]


class DocumentModelsExternal(TypedDict, total=False):
    input: DocumentModelsExternalInput


class DocumentModels(TypedDict, total=False):
    use: str
    external: DocumentModelsExternal
    threads: int
    provider: Literal["cpu", "cuda", "tensorrt", "openvino", "webgpu", "coreml", "dml"]
    max_batch: int
    memory_mib: int
    skip_loop_filter: bool


class DocumentWorkersInput(TypedDict, total=False):
    format: Literal["NV12", "I420", "RGB24", "BGR24", "GRAY8", "JPEG"]
    width: int
    height: int
    fit: Literal["stretch", "letterbox"]


class DocumentWorkersRestart(TypedDict, total=False):
    delays_ms: List[float]
    unlimited: bool
    probe_ms: Optional[float]


class DocumentWorkers(TypedDict, total=False):
    command: List[str]
    module: str
    dir: str
    transport: Literal["stdin", "shm"]
    input: DocumentWorkersInput
    env: Dict[str, str]
    options: Dict[str, Any]
    start_timeout_ms: float
    hang_timeout_ms: float
    memory_mib: int
    restart: DocumentWorkersRestart


class DocumentCpuCritical(TypedDict, total=False):
    nice: int
    cpus: List[int]


DocumentCpu = TypedDict(
    "DocumentCpu",
    {
        "critical": DocumentCpuCritical,
        "high": DocumentCpuCritical,
        "normal": DocumentCpuCritical,
        "best-effort": DocumentCpuCritical,
        "shed": bool,
    },
    total=False,
)


class _DocumentMqtt(TypedDict):
    url: str


class DocumentMqtt(_DocumentMqtt, total=False):
    commands: bool


class _DocumentWebhooks(TypedDict):
    url: str


class DocumentWebhooks(_DocumentWebhooks, total=False):
    headers: Dict[str, str]
    severity: Literal["notice", "warning", "alarm"]
    kinds: List[str]
    cameras: List[str]


class DocumentHttpTls(TypedDict):
    cert: str
    key: str


class DocumentHttp(TypedDict, total=False):
    listen: str
    tls: DocumentHttpTls
    names: List[str]


class _DocumentStorageArchive(TypedDict):
    path: str


class DocumentStorageArchive(_DocumentStorageArchive, total=False):
    max_bytes: str


class DocumentStorage(TypedDict, total=False):
    path: str
    max_bytes: str
    min_free: str
    durability: Literal["process", "power"]
    cameras_per_process: int
    archive: List[DocumentStorageArchive]


class _DocumentTracing(TypedDict):
    url: str


class DocumentTracing(_DocumentTracing, total=False):
    headers: Dict[str, str]
    sample: float
    per_second: int


class _Document(TypedDict):
    version: Literal[1]
    cameras: Dict[str, CameraSettings]


class Document(_Document, total=False):
    node: str
    models: Dict[str, DocumentModels]
    workers: Dict[str, DocumentWorkers]
    cpu: DocumentCpu
    mqtt: DocumentMqtt
    webhooks: Dict[str, DocumentWebhooks]
    http: DocumentHttp
    storage: DocumentStorage
    tracing: DocumentTracing


class RollBack(TypedDict):
    revision: int
