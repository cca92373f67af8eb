import { z } from 'zod';
import type { ApiRoute } from './api-route.ts';
import { ID_PATTERN } from './ids.ts';

const id = z.string().regex(ID_PATTERN);
/** SDP, or a part of it. The process that has the video reads it. */
const sdp = z.string().min(1);
const ofCamera = z.strictObject({ camera: id });
const ofSession = z.strictObject({ camera: id, session: z.string().regex(/^[\w-]{22}$/) });

/** Routes of live video: WHEP (draft-ietf-wish-whep), part of `API`. */
export const LIVE_API = {
  whep: {
    method: 'POST',
    path: '/api/v1/cameras/{camera}/whep',
    summary:
      'Live video over WebRTC: an offer is answered. `Location` is the session, `X-Vigia-Rtp-Origin` the first picture that is live.',
    unkeyed: true,
    role: 'viewer',
    scope: 'camera',
    params: ofCamera,
    body: { schema: sdp, as: 'application/sdp' },
    answer: 'media:application/sdp',
    success: 201,
    refusals: [404, 409, 503],
  },
  whepCandidates: {
    method: 'PATCH',
    path: '/api/v1/cameras/{camera}/whep/{session}',
    summary: 'Further addresses of the viewer (trickle ICE).',
    unkeyed: true,
    role: 'viewer',
    scope: 'camera',
    params: ofSession,
    body: { schema: sdp, as: 'application/trickle-ice-sdpfrag' },
    answer: 'nothing',
    success: 204,
    refusals: [404, 409, 503],
  },
  endWhep: {
    method: 'DELETE',
    path: '/api/v1/cameras/{camera}/whep/{session}',
    summary: 'Ends a session.',
    unkeyed: true,
    role: 'viewer',
    scope: 'camera',
    params: ofSession,
    answer: z.strictObject({}),
    refusals: [404],
  },
  movie: {
    method: 'GET',
    path: '/api/v1/cameras/{camera}/live.mp4',
    summary:
      'Live video where WebRTC does not pass: a WebSocket with a fragmented MP4, a message for each picture, for Media Source Extensions. The viewer confirms what it has had.',
    role: 'viewer',
    scope: 'camera',
    params: ofCamera,
    query: z.strictObject({
      stream: z
        .enum(['main', 'small'])
        .default('main')
        .describe('`small`: of a camera with `detect_source`, for who cannot play the other one.'),
    }),
    answer: 'media:video/mp4',
    refusals: [404, 409, 503],
  },
  mjpeg: {
    method: 'GET',
    path: '/api/v1/cameras/{camera}/live.mjpeg',
    summary: 'Pictures one after the other, for what shows nothing else: `multipart/x-mixed-replace`, each a JPEG.',
    role: 'viewer',
    scope: 'camera',
    params: ofCamera,
    query: z.strictObject({
      annotated: z.enum(['0', '1']).optional().describe('`1`: of `ok` results, with their boxes.'),
      fps: z.coerce.number<string | number>().min(0.1).max(5).default(2).describe('Pictures per second, at most.'),
    }),
    answer: 'media:multipart/x-mixed-replace',
    refusals: [404, 409, 503],
  },
} as const satisfies Record<string, ApiRoute>;

/** Routes of live video. */
export type LiveName = keyof typeof LIVE_API;
