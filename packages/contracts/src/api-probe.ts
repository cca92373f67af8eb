import { z } from 'zod';
import type { ApiRoute } from './api-route.ts';
import { cameraSchema } from './config.ts';
import { CAMERA_STATES, streamReportSchema } from './report.ts';

const { source, transport, tls } = cameraSchema.shape;

/** What is tried: how to connect, as in the settings of a camera. */
export const probeSchema = z.strictObject({ source, transport, tls });

/** See {@link probeSchema}. */
export type Probe = Readonly<z.infer<typeof probeSchema>>;

/** What came of it. */
const probedSchema = z.strictObject({
  state: z
    .enum(CAMERA_STATES)
    .describe('`live`: pictures came. Another one: what it was when it failed, or time was over.'),
  reason: z.string().nullable().describe('As in the state of a camera: `unauthorized`, `timeout` … Null: it is live.'),
  message: z.string().nullable().describe('One sentence for people. Null: it is live.'),
  took_ms: z.number().min(0).describe('Until the first picture, or the failure.'),
  stream: streamReportSchema.nullable().describe('What the camera sends. Null: it did not get so far.'),
  picture: z
    .strictObject({ width: z.int().min(1), height: z.int().min(1), jpeg: z.string().describe('Base64.') })
    .nullable()
    .describe('A small picture. Null: none came.'),
  memory_bytes: z
    .number()
    .min(0)
    .describe(
      'That a process of this camera may take, without consumers and recording. Pictures larger than those that came are planned for: `max_picture`.',
    ),
  small_stream: z
    .string()
    .nullable()
    .describe(
      'Path and query of the small stream, as makers usually have it beside this address. Not tried. Null: unknown.',
    ),
});
/** See {@link PROBE_API}. */
export type Probed = Readonly<z.infer<typeof probedSchema>>;

/** Route that tries a camera: part of `API`. */
export const PROBE_API = {
  probe: {
    method: 'POST',
    path: '/api/v1/probe',
    summary:
      'Connects to a camera that the node does not have, for 15 s at most, and says what came: state, stream, a picture. One at a time. Nothing is kept.',
    role: 'admin',
    scope: 'node',
    body: { schema: probeSchema, as: 'json' },
    reads: true,
    answer: probedSchema,
    refusals: [409, 503],
  },
} as const satisfies Readonly<Record<string, ApiRoute>>;
