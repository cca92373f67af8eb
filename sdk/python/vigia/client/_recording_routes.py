"""A method per route of the HTTP API. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ._request import Request, Sender
from .types import (
    ClipFactsAnswer,
    ClipFactsQuery,
    ClipQuery,
    ExportedClipQuery,
    Mark,
    MarkRecordingAnswer,
    PlaylistInitQuery,
    PlaylistPartQuery,
    PlaylistQuery,
    PreviewRules,
    PreviewRulesAnswer,
    RebuildRecordingsAnswer,
    RecordedPictureQuery,
    RecordedResultsQuery,
    RecordingsAnswer,
    RecordingsQuery,
    ThumbnailQuery,
)

if TYPE_CHECKING:
    # Known to every type checker; never imported.
    from typing_extensions import Unpack


class RecordingRoutes(Sender):
    """One method per route (docs/protocol/http.md). Each raises ApiError and NoAnswerError."""

    def recordings(self, **query: Unpack[RecordingsQuery]) -> RecordingsAnswer:
        """What was recorded of each camera: spans, and gaps with their reasons.

        `from_`: RFC 3339, or milliseconds since 1970. Default: a day before `to`.
        `to`: Default: now.
        `GET /api/v1/recordings`, role viewer.
        """
        answer: RecordingsAnswer = self._json(Request("GET", "/api/v1/recordings", query=dict(query)))
        return answer

    def mark_recording(self, camera: str, body: Mark, *, idempotency_key: Optional[str] = None) -> MarkRecordingAnswer:
        """Something happened: the seconds around it are recorded, and kept as footage of an event.

        `POST /api/v1/recordings/{camera}/event`, role operator.
        """
        answer: MarkRecordingAnswer = self._json(
            Request(
                "POST",
                "/api/v1/recordings/{camera}/event",
                params={"camera": camera},
                body=body,
                key=idempotency_key,
            ),
        )
        return answer

    def rebuild_recordings(self, *, idempotency_key: Optional[str] = None) -> RebuildRecordingsAnswer:
        """Makes the index of recordings again, from the files alone.

        `POST /api/v1/recordings/rebuild`, role admin.
        """
        answer: RebuildRecordingsAnswer = self._json(Request("POST", "/api/v1/recordings/rebuild", key=idempotency_key))
        return answer

    def clip(self, camera: str, **query: Unpack[ClipQuery]) -> bytes:
        """Footage of a range, not re-encoded: from the keyframe before `from` on (`X-Vigia-From` says where). Ranges of bytes are answered.

        `GET /api/v1/recordings/{camera}/clip.mp4`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/clip.mp4", params={"camera": camera}, query=dict(query)),
        )

    def clip_facts(self, camera: str, **query: Unpack[ClipFactsQuery]) -> ClipFactsAnswer:
        """What such a clip has: its times, gaps, and bytes.

        `GET /api/v1/recordings/{camera}/clip.json`, role viewer.
        """
        answer: ClipFactsAnswer = self._json(
            Request("GET", "/api/v1/recordings/{camera}/clip.json", params={"camera": camera}, query=dict(query)),
        )
        return answer

    def recorded_results(self, camera: str, **query: Unpack[RecordedResultsQuery]) -> str:
        """Results of pictures that were captured in a range and kept beside the footage: JSON, one per line, in order of capture.

        `GET /api/v1/recordings/{camera}/results.jsonl`, role viewer.
        """
        return self._text(
            Request("GET", "/api/v1/recordings/{camera}/results.jsonl", params={"camera": camera}, query=dict(query)),
        )

    def exported_clip(self, camera: str, **query: Unpack[ExportedClipQuery]) -> bytes:
        """A clip as evidence, in one ZIP archive: `clip.mp4` (the bytes of that route), `clip.jsonl` (its facts, events and results in order of time), `SHA256SUMS`, `README.txt`. Its size is not known before; a download that is cut is no valid archive.

        `GET /api/v1/recordings/{camera}/export.zip`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/export.zip", params={"camera": camera}, query=dict(query)),
        )

    def playlist(self, camera: str, **query: Unpack[PlaylistQuery]) -> bytes:
        """The same as HLS, for players.

        `GET /api/v1/recordings/{camera}/playlist.m3u8`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/playlist.m3u8", params={"camera": camera}, query=dict(query)),
        )

    def playlist_init(self, camera: str, **query: Unpack[PlaylistInitQuery]) -> bytes:
        """The beginning of parts of a playlist, which has its address.

        `GET /api/v1/recordings/{camera}/init.mp4`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/init.mp4", params={"camera": camera}, query=dict(query)),
        )

    def playlist_part(self, camera: str, **query: Unpack[PlaylistPartQuery]) -> bytes:
        """A part of a playlist, which has its address.

        `GET /api/v1/recordings/{camera}/part.m4s`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/part.m4s", params={"camera": camera}, query=dict(query)),
        )

    def recorded_picture(self, camera: str, **query: Unpack[RecordedPictureQuery]) -> bytes:
        """The picture that was there at that time. `X-Vigia-At` has its own.

        `GET /api/v1/recordings/{camera}/frame.jpg`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/frame.jpg", params={"camera": camera}, query=dict(query)),
        )

    def thumbnail(self, camera: str, **query: Unpack[ThumbnailQuery]) -> bytes:
        """A small picture from at most 10 s away, for a timeline.

        `GET /api/v1/recordings/{camera}/thumbnail.jpg`, role viewer.
        """
        return self._bytes(
            Request("GET", "/api/v1/recordings/{camera}/thumbnail.jpg", params={"camera": camera}, query=dict(query)),
        )

    def preview_rules(self, body: PreviewRules) -> PreviewRulesAnswer:
        """What other zones and rules of a camera would have reported over its stored results, beside those in use. Changes nothing.

        `POST /api/v1/rules/preview`, role viewer.
        """
        answer: PreviewRulesAnswer = self._json(Request("POST", "/api/v1/rules/preview", body=body))
        return answer
