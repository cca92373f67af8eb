"""What a node is asked. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = [
    "ClipFactsQuery",
    "ClipQuery",
    "EventsQuery",
    "ExportedClipQuery",
    "LogsQuery",
    "PlaylistInitQuery",
    "PlaylistPartQuery",
    "PlaylistQuery",
    "PutConfigQuery",
    "RecordedPictureQuery",
    "RecordedResultsQuery",
    "RecordingsQuery",
    "SnapshotQuery",
    "ThumbnailQuery",
]


class LogsQuery(TypedDict, total=False):
    after: int
    limit: int
    level: Literal["debug", "info", "warn", "error"]


class SnapshotQuery(TypedDict, total=False):
    annotated: bool


class RecordingsQuery(TypedDict, total=False):
    camera: str
    from_: str
    to: str


class ClipQuery(TypedDict, total=False):
    from_: str
    to: str


class ClipFactsQuery(TypedDict, total=False):
    from_: str
    to: str


class RecordedResultsQuery(TypedDict, total=False):
    from_: str
    to: str


class ExportedClipQuery(TypedDict, total=False):
    from_: str
    to: str


class PlaylistQuery(TypedDict, total=False):
    from_: str
    to: str


class PlaylistInitQuery(TypedDict, total=False):
    order: str
    at: str


class PlaylistPartQuery(TypedDict, total=False):
    order: str
    at: str
    from_: str
    to: str
    zero: str


class RecordedPictureQuery(TypedDict, total=False):
    at: str


class ThumbnailQuery(TypedDict, total=False):
    at: str


class EventsQuery(TypedDict, total=False):
    after: str
    before: str
    camera: str
    kind: str
    severity: Literal["debug", "info", "notice", "warning", "alarm"]
    from_: str
    to: str
    limit: int
    count: Literal["1"]


class PutConfigQuery(TypedDict, total=False):
    dry_run: bool
    file: str
