import { z } from 'zod';
import { cameraSchema, configSchema } from './config.ts';
import { ID_PATTERN } from './ids.ts';
import { EVENT_COUNT_LIMIT, eventQueryFields } from './event-query.ts';
import { eventIdSchema, nodeEventSchema } from './events.ts';
import { findingSchema } from './fall.ts';
import { logAnswerSchema, logQuerySchema } from './node-log.ts';
import {
  alarmSchema,
  healthProblemSchema,
  nodeBudgetSchema,
  nodeProblemSchema,
  nodeStatusSchema,
} from './node-status.ts';
import { cameraReportSchema, modelReportSchema, reportSchema } from './report.ts';
import { TILE_WIDTH } from './node-stream.ts';
import { ACCESS_API } from './api-access.ts';
import { LIVE_API } from './api-live.ts';
import { PROBE_API } from './api-probe.ts';
import { RECORDINGS_API } from './api-recordings.ts';
import type { ApiRoute } from './api-route.ts';

const id = z.string().regex(ID_PATTERN);
const ofCamera = z.strictObject({ camera: id });
const ofConsumer = z.strictObject({ camera: id, consumer: id });
const flag = z.enum(['0', '1']).optional();
const ids = z.array(z.string());
const nothing = z.strictObject({});
const difference = z.strictObject({ added: ids, changed: ids, removed: ids, untouched: z.int().min(0) });

/** `/healthz`. */
const healthSchema = z.strictObject({ status: z.literal('ok'), problems: z.array(healthProblemSchema) });
/** `/readyz`. */
const readySchema = z.strictObject({ status: z.literal('ready') });
/** One revision of the node's configuration document, without the document. */
const revisionSchema = z.strictObject({
  revision: z.int().min(1),
  at: z.iso.datetime(),
  by: z.string().describe('Who asked: a file, a user of the control socket, an address.'),
  changes: z.array(z.string()).describe('One line per changed path. No secrets.'),
});
/** What a change of the configuration did. */
const changedSchema = z.strictObject({
  revision: z.int().min(1),
  changes: z.array(z.string()),
  cameras: difference,
  models: difference,
  mqtt: z.boolean(),
  http: z.boolean(),
});
const documentSchema = revisionSchema.extend({
  document: z.record(z.string(), z.unknown()).describe('The configuration in force, without secrets.'),
  beside_file: z
    .array(z.string())
    .describe('How it differs from the file as last read: what was changed at runtime. One line per path. No secrets.'),
});
const cameraPatchSchema = z.record(z.string(), z.unknown()).describe('Some keys of a camera’s settings.');
/** A change of a consumer. */
export const consumerPatchSchema = z.strictObject({
  enabled: z.boolean().optional(),
  fps: z.number().gt(0).max(120).nullable().optional(),
});
/** What to go back to. */
export const rollBackSchema = z.strictObject({ revision: z.int().min(1) });
/** What {@link API.breakDemo} breaks: the models of a camera, its connection, or the process that records it. */
export const demoBreakSchema = z.strictObject({ what: z.enum(['model', 'camera', 'recorder']), camera: id });
/** See {@link demoBreakSchema}. */
export type DemoBreak = Readonly<z.infer<typeof demoBreakSchema>>;
const previewSchema = z.strictObject({ revision: z.int().min(1), changes: z.array(z.string()) });

/** An error, as every route answers it. */
export const apiErrorSchema = z.strictObject({ error: z.looseObject({ code: z.string(), message: z.string() }) });

/**
 * The HTTP API: one table, from which validation, OpenAPI and clients are made (docs/protocol/http.md). Within a version
 * routes and optional parameters are only added.
 */
export const API = {
  ...ACCESS_API,
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether all is well; 503 when something needs attention. Who may see all cameras gets the problems.',
    role: 'anyone',
    scope: 'self',
    answer: healthSchema,
    refusals: [503],
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether every model has started; 503 until then.',
    role: 'anyone',
    scope: 'self',
    answer: readySchema,
    refusals: [503],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Counters and histograms as OpenMetrics 1.0 text (docs/reference/metrics.md).',
    role: 'viewer',
    scope: 'node',
    answer: 'open-metrics',
    refusals: [],
  },
  openapi: {
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This description.',
    role: 'anyone',
    scope: 'self',
    answer: 'openapi',
    refusals: [],
  },
  report: {
    method: 'GET',
    path: '/api/v1/report',
    summary: 'A report of the whole node: one snapshot, in which its equations hold.',
    role: 'viewer',
    scope: 'cameras',
    answer: reportSchema,
    refusals: [],
  },
  status: {
    method: 'GET',
    path: '/api/v1/status',
    summary: 'The latest known values of the whole node, as `vigia status` shows them. Asks no process.',
    role: 'screen',
    scope: 'cameras',
    answer: nodeStatusSchema,
    refusals: [],
  },
  problems: {
    method: 'GET',
    path: '/api/v1/problems',
    summary: 'What is wrong, the worst first, each with what to do. More than `/healthz` knows, which is about alarms.',
    role: 'screen',
    scope: 'cameras',
    answer: z.array(nodeProblemSchema),
    refusals: [],
  },
  budget: {
    method: 'GET',
    path: '/api/v1/budget',
    summary: 'What the node may use at most, as computed before its start, and what the machine has.',
    role: 'viewer',
    scope: 'node',
    answer: nodeBudgetSchema,
    refusals: [],
  },
  logs: {
    method: 'GET',
    path: '/api/v1/logs',
    summary: 'Records of this run’s log. `next` of one answer is `after` of the next request.',
    role: 'admin',
    scope: 'node',
    query: logQuerySchema,
    answer: logAnswerSchema,
    refusals: [],
  },
  stop: {
    method: 'POST',
    path: '/api/v1/stop',
    summary: 'Ends the node like SIGTERM, once this answer has been sent.',
    role: 'admin',
    scope: 'node',
    answer: z.strictObject({ node: z.string(), pid: z.int().min(1) }),
    refusals: [],
  },
  cameras: {
    method: 'GET',
    path: '/api/v1/cameras',
    summary: 'The latest known report of each camera.',
    role: 'screen',
    scope: 'cameras',
    answer: z.record(z.string(), cameraReportSchema),
    refusals: [],
  },
  camera: {
    method: 'GET',
    path: '/api/v1/cameras/{camera}',
    summary: 'The latest known report of a camera.',
    role: 'screen',
    scope: 'camera',
    params: ofCamera,
    answer: cameraReportSchema,
    refusals: [404],
  },
  ...PROBE_API,
  putCamera: {
    method: 'PUT',
    path: '/api/v1/cameras/{camera}',
    summary: 'Adds a camera or replaces its settings. The node connects to the address that is in them.',
    role: 'admin',
    scope: 'camera',
    params: ofCamera,
    body: { schema: cameraSchema, as: 'json' },
    answer: changedSchema,
    ifMatch: true,
    refusals: [409, 412],
  },
  patchCamera: {
    method: 'PATCH',
    path: '/api/v1/cameras/{camera}',
    summary: 'Changes some settings of a camera (JSON merge patch, RFC 7396): what is absent stays, null removes.',
    role: 'admin',
    scope: 'camera',
    params: ofCamera,
    body: { schema: cameraPatchSchema, as: 'json' },
    answer: changedSchema,
    ifMatch: true,
    refusals: [404, 409, 412],
  },
  patchConsumer: {
    method: 'PATCH',
    path: '/api/v1/cameras/{camera}/consumers/{consumer}',
    summary: 'Switches a consumer off or on, or changes its rate. `fps: null`: as many pictures as it can take.',
    role: 'admin',
    scope: 'camera',
    params: ofConsumer,
    body: { schema: consumerPatchSchema, as: 'json' },
    answer: changedSchema,
    ifMatch: true,
    refusals: [404, 409, 412],
  },
  removeCamera: {
    method: 'DELETE',
    path: '/api/v1/cameras/{camera}',
    summary: 'Removes a camera, until the file changes it or it is added again.',
    role: 'admin',
    scope: 'camera',
    params: ofCamera,
    answer: changedSchema,
    ifMatch: true,
    refusals: [404, 409, 412],
  },
  restartCamera: {
    method: 'POST',
    path: '/api/v1/cameras/{camera}/restart',
    summary: 'Gives a camera a new process. Answers when it has been started.',
    role: 'operator',
    scope: 'camera',
    params: ofCamera,
    answer: nothing,
    refusals: [404, 409],
  },
  restartConsumer: {
    method: 'POST',
    path: '/api/v1/cameras/{camera}/consumers/{consumer}/restart',
    summary: 'Restarts the worker of a consumer. Answers when it is ready.',
    role: 'operator',
    scope: 'camera',
    params: ofConsumer,
    answer: nothing,
    refusals: [404, 409],
  },
  snapshot: {
    method: 'GET',
    path: '/api/v1/cameras/{camera}/snapshot.jpg',
    summary: 'A picture. `annotated=1`: the next one that has an `ok` result, with its boxes.',
    role: 'viewer',
    scope: 'camera',
    params: ofCamera,
    query: z.strictObject({ annotated: flag }),
    answer: 'jpeg',
    refusals: [404, 409],
  },
  ...LIVE_API,
  ...RECORDINGS_API,
  models: {
    method: 'GET',
    path: '/api/v1/models',
    summary: 'The latest known report of each model.',
    role: 'viewer',
    scope: 'cameras',
    answer: z.record(z.string(), modelReportSchema),
    refusals: [],
  },
  events: {
    method: 'GET',
    path: '/api/v1/events',
    summary:
      'Stored events, the newest first: the last id of an answer is `before` of the request for earlier ones. With `after` the oldest after it first: the last id is `after` of the next request.',
    role: 'screen',
    scope: 'cameras',
    query: eventQueryFields,
    answer: z.strictObject({
      events: z.array(nodeEventSchema),
      /** Whether there are further ones in this direction. */
      more: z.boolean(),
      /** With `count=1`: how many match, at most 10,000; whether there are more than that. */
      count: z.strictObject({ events: z.int().min(0).max(EVENT_COUNT_LIMIT), more: z.boolean() }).optional(),
    }),
    refusals: [409],
  },
  alarms: {
    method: 'GET',
    path: '/api/v1/alarms',
    summary: 'Alarms about people that have not ended, oldest first.',
    role: 'screen',
    scope: 'cameras',
    answer: z.array(alarmSchema),
    refusals: [],
  },
  acknowledge: {
    method: 'POST',
    path: '/api/v1/events/{event}/acknowledge',
    summary:
      'Somebody has seen an alarm, and may say what was found, then or later. Recorded as an event of kind `audit`.',
    role: 'operator',
    scope: 'cameras',
    params: z.strictObject({ event: eventIdSchema }),
    body: { schema: findingSchema, as: 'json', optional: true },
    answer: z.strictObject({ event: eventIdSchema, camera: z.string().nullable(), subject: z.string().nullable() }),
    refusals: [404, 409],
  },
  eventStream: {
    method: 'GET',
    path: '/api/v1/events/stream',
    summary:
      'Server-Sent Events: stored events after `Last-Event-ID` (or `after`), then every new one. Without either: new ones only.',
    role: 'screen',
    scope: 'cameras',
    query: z.strictObject({ after: eventIdSchema.optional() }),
    answer: 'event-stream',
    refusals: [409, 503],
  },
  stream: {
    method: 'GET',
    path: '/api/v1/stream',
    summary:
      'Results, statistics and events as they happen: a WebSocket, or Server-Sent Events for a request without upgrade. Resumable like `/api/v1/events/stream`. A slow client loses results, and hears how many.',
    role: 'screen',
    scope: 'cameras',
    query: z.strictObject({
      types: z
        .string()
        .regex(/^(?:result|stats|event|now|summary|picture)(?:,(?:result|stats|event|now|summary|picture))*$/)
        .default('result,stats,event')
        .describe(
          'One or more of result, stats, event, now, summary, picture (WebSocket only; from the role viewer on); separated by commas.',
        ),
      camera: id.optional(),
      after: eventIdSchema.optional(),
      width: z.coerce
        .number<string | number>()
        .int()
        .min(TILE_WIDTH.min)
        .max(TILE_WIDTH.max)
        .default(320)
        .describe('Of pictures, pixels; the next of 160, 320, 480, 640 is sent.'),
      fps: z.coerce
        .number<string | number>()
        .min(0.1)
        .max(5)
        .default(2)
        .describe('Pictures of each camera per second, at most.'),
    }),
    answer: 'web-socket',
    refusals: [409, 503],
  },
  config: {
    method: 'GET',
    path: '/api/v1/config',
    summary: 'The configuration in force, without secrets. `ETag` is its revision.',
    role: 'operator',
    scope: 'node',
    answer: documentSchema,
    refusals: [],
  },
  putConfig: {
    method: 'PUT',
    path: '/api/v1/config',
    summary: 'Replaces the configuration. `dry_run=1`: only lists what would change.',
    role: 'admin',
    scope: 'node',
    query: z.strictObject({
      dry_run: flag,
      file: z.string().max(1_024).optional().describe('With `dry_run=1`: the text is a new version of this file.'),
    }),
    body: { schema: configSchema, as: 'document' },
    answer: z.union([changedSchema, previewSchema]),
    ifMatch: true,
    refusals: [409, 412],
  },
  revisions: {
    method: 'GET',
    path: '/api/v1/config/revisions',
    summary: 'The latest revisions, oldest first.',
    role: 'operator',
    scope: 'node',
    answer: z.array(revisionSchema),
    refusals: [],
  },
  rollBack: {
    method: 'POST',
    path: '/api/v1/config/rollback',
    summary: 'Makes an earlier revision the configuration in force. It becomes a new revision.',
    role: 'admin',
    scope: 'node',
    body: { schema: rollBackSchema, as: 'json' },
    answer: changedSchema,
    ifMatch: true,
    refusals: [404, 409, 412],
  },
  reload: {
    method: 'POST',
    path: '/api/v1/reload',
    summary: 'Reads the configuration file again. Answers when its changes have been applied.',
    role: 'admin',
    scope: 'node',
    answer: changedSchema.extend({ text: z.string() }),
    refusals: [409],
  },
  breakDemo: {
    method: 'POST',
    path: '/api/v1/demo/break',
    summary:
      'Of `vigia demo` only: kills a model or a recorder, or freezes a camera for 8 s, to watch what follows. 404 on any other node.',
    role: 'operator',
    scope: 'node',
    body: { schema: demoBreakSchema, as: 'json' },
    answer: demoBreakSchema,
    refusals: [404, 409],
  },
} as const satisfies Readonly<Record<string, ApiRoute>>;

/** Name of a route: a method of the clients, and `operationId` in OpenAPI. */
export type ApiName = keyof typeof API;
/** Names of all routes. */
export const API_NAMES = Object.keys(API) as readonly ApiName[];
/** The route of a name. */
export type RouteOf<N extends ApiName> = (typeof API)[N];
