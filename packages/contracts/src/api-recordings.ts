import { z } from 'zod';
import { PREVIEW_API } from './api-preview.ts';
import type { ApiRoute } from './api-route.ts';
import { ID_PATTERN } from './ids.ts';

const id = z.string().regex(ID_PATTERN);
const ofCamera = z.strictObject({ camera: id });
/** Checked by the process that has the footage: RFC 3339, or milliseconds since 1970. */
const time = z.string().min(1).max(40);
const range = z.strictObject({ from: time, to: time });
const at = z.strictObject({ at: time });
const number = z.string().regex(/^\d{1,15}$/);
const ms = z.number();
const wallMs = z.number().min(0).max(8.64e15);

/** What was recorded of one camera. Milliseconds since 1970. */
const recordedSchema = z.strictObject({
  spans: z.array(
    z.strictObject({ from_ms: ms, to_ms: ms, event: z.boolean().describe('Some of it is footage of an event.') }),
  ),
  gaps: z.array(
    z.strictObject({
      from_ms: ms,
      to_ms: ms.nullable().describe('Null: it lasts.'),
      reason: z
        .string()
        .describe(
          '`camera_away`, `node_down`, `disk_full`, `read_only`, `disk_failed`, `disk_slow`, `no_event`, `not_recorded`, `clock`, `removed`.',
        ),
    }),
  ),
});

/** What a recorder marks as an event. */
export const markSchema = z.strictObject({
  from_ms: wallMs.optional().describe('Milliseconds since 1970. Default: now.'),
  to_ms: wallMs.optional().describe('Default: `from_ms`.'),
});

const MEDIA = { method: 'GET', role: 'viewer', scope: 'camera', params: ofCamera, refusals: [404, 409, 503] } as const;

/** Routes of recordings: part of `API`. */
export const RECORDINGS_API = {
  recordings: {
    method: 'GET',
    path: '/api/v1/recordings',
    summary: 'What was recorded of each camera: spans, and gaps with their reasons.',
    role: 'viewer',
    scope: 'cameras',
    query: z.strictObject({
      camera: id.optional(),
      from: time.optional().describe('RFC 3339, or milliseconds since 1970. Default: a day before `to`.'),
      to: time.optional().describe('Default: now.'),
    }),
    answer: z.strictObject({ cameras: z.record(z.string(), recordedSchema) }),
    refusals: [409],
  },
  markRecording: {
    method: 'POST',
    path: '/api/v1/recordings/{camera}/event',
    summary: 'Something happened: the seconds around it are recorded, and kept as footage of an event.',
    role: 'operator',
    scope: 'camera',
    params: ofCamera,
    body: { schema: markSchema, as: 'json' },
    answer: z.strictObject({ camera: z.string(), from_ms: ms, to_ms: ms }),
    refusals: [404, 409],
  },
  rebuildRecordings: {
    method: 'POST',
    path: '/api/v1/recordings/rebuild',
    summary: 'Makes the index of recordings again, from the files alone.',
    role: 'admin',
    scope: 'node',
    answer: z.strictObject({ segments: z.int(), bytes: ms, removed: z.int(), seconds: ms }),
    refusals: [409],
  },
  clip: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/clip.mp4',
    summary:
      'Footage of a range, not re-encoded: from the keyframe before `from` on (`X-Vigia-From` says where). Ranges of bytes are answered.',
    query: range,
    answer: 'media:video/mp4',
  },
  clipFacts: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/clip.json',
    summary: 'What such a clip has: its times, gaps, and bytes.',
    query: range,
    answer: z.strictObject({
      from_ms: ms.describe('When its first picture was taken. Milliseconds since 1970.'),
      to_ms: ms,
      gaps: z.array(z.strictObject({ from_ms: ms, to_ms: ms.nullable(), reason: z.string() })),
      segments: z.int(),
      bytes: z.int(),
      ends: z.literal('format').nullable().describe('It ends early: the format of the camera changes there.'),
    }),
  },
  recordedResults: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/results.jsonl',
    summary:
      'Results of pictures that were captured in a range and kept beside the footage: JSON, one per line, in order of capture.',
    query: range,
    answer: 'media:application/x-ndjson',
  },
  exportedClip: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/export.zip',
    summary:
      'A clip as evidence, in one ZIP archive: `clip.mp4` (the bytes of that route), `clip.jsonl` (its facts, events and results in order of time), `SHA256SUMS`, `README.txt`. Its size is not known before; a download that is cut is no valid archive.',
    query: range,
    answer: 'media:application/zip',
  },
  playlist: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/playlist.m3u8',
    summary: 'The same as HLS, for players.',
    query: range,
    answer: 'media:application/vnd.apple.mpegurl',
  },
  playlistInit: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/init.mp4',
    summary: 'The beginning of parts of a playlist, which has its address.',
    query: z.strictObject({ order: number, at: time }),
    answer: 'media:video/mp4',
  },
  playlistPart: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/part.m4s',
    summary: 'A part of a playlist, which has its address.',
    query: z.strictObject({ order: number, at: time, from: number, to: number, zero: time }),
    answer: 'media:video/iso.segment',
  },
  recordedPicture: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/frame.jpg',
    summary: 'The picture that was there at that time. `X-Vigia-At` has its own.',
    query: at,
    answer: 'media:image/jpeg',
  },
  thumbnail: {
    ...MEDIA,
    path: '/api/v1/recordings/{camera}/thumbnail.jpg',
    summary: 'A small picture from at most 10 s away, for a timeline.',
    query: at,
    answer: 'media:image/jpeg',
  },
  ...PREVIEW_API,
} as const satisfies Record<string, ApiRoute>;

/** Routes that answer with bytes of recordings. */
export const MEDIA_NAMES = [
  'clip',
  'clipFacts',
  'recordedResults',
  'exportedClip',
  'playlist',
  'playlistInit',
  'playlistPart',
  'recordedPicture',
  'thumbnail',
] as const;
/** See {@link MEDIA_NAMES}. */
export type MediaName = (typeof MEDIA_NAMES)[number];
