import { UsageError, VigiaError } from '@vigia/base';
import {
  type Acknowledged,
  EVENT_COUNT_LIMIT,
  type EventQuery,
  eventQuerySchema,
  EVENTS_LIMIT,
  findingSchema,
  type NodeEvent,
} from '@vigia/contracts';
import { consumerPatchSchema, demoBreakSchema, probeSchema, rollBackSchema } from '@vigia/contracts/api';
import type { NodeHandlers } from './asked.ts';
import type { ControlledCamera, ControlledNode } from './controlled-node.ts';
import { previewAsk, recordingHandlers } from './recording-handlers.ts';
import { checked, NotWell } from './refusal.ts';

/** What each route of the node does. */
export const nodeHandlers: NodeHandlers = {
  health: (node, { identity }) => {
    const problems = [...node.health()];
    if (problems.length === 0) return { status: 'ok', problems };
    throw identity?.cameras === 'all' ? new NotWell(problems) : new VigiaError('failing', 'something needs attention');
  },
  ready: (node, { identity }) => {
    const starting = node.starting();
    const what = identity?.cameras === 'all' ? `: ${starting.join(', ')}` : '';
    if (starting.length > 0) throw new VigiaError('starting', `not started yet${what}`);
    return { status: 'ready' };
  },
  metrics: (node) => node.metrics(),
  report: (node) => node.report(),
  status: (node) => node.status(),
  problems: (node) => [...node.problems()],
  budget: (node) => node.budget(),
  logs: (node, { query }) => node.logs(query),
  // The node ends when this answer has been sent: see the server.
  stop: (node) => {
    const { node: name, pid } = node.status();
    return { node: name, pid };
  },
  cameras: (node) => Object.fromEntries(node.cameraIds.map((id) => [id, cameraOf(node, id).recentReport()])),
  camera: (node, { params }) => cameraOf(node, params.camera).recentReport(),
  probe: (node, { body, ...asker }) => node.probeCamera(checked(probeSchema, body, 'body'), asker),
  putCamera: (node, { params, body, ...asker }) => node.putCamera(params.camera, body, asker),
  patchCamera: (node, { params, body, ...asker }) => {
    cameraOf(node, params.camera);
    return node.patchCamera(params.camera, objectOf(body), asker);
  },
  patchConsumer: (node, { params: { camera, consumer }, body, ...asker }) => {
    checkConsumer(node, camera, consumer);
    const change = checked(consumerPatchSchema, body, 'body');
    return node.patchCamera(camera, { consumers: { [consumer]: change } }, asker);
  },
  removeCamera: (node, { params, ...asker }) => {
    cameraOf(node, params.camera);
    return node.removeCamera(params.camera, asker);
  },
  restartCamera: async (node, { params }) => {
    cameraOf(node, params.camera);
    await node.restartCamera(params.camera);
    return {};
  },
  restartConsumer: async (node, { params }) => {
    checkWorker(node, params.camera, params.consumer);
    await node.restartWorker(params.camera, params.consumer);
    return {};
  },
  snapshot: (node, { params, query }) => cameraOf(node, params.camera).picture(query.annotated === '1'),
  ...recordingHandlers,
  previewRules: (node, { body }) => {
    const ask = previewAsk(body);
    cameraOf(node, ask.camera);
    return node.previewTask(ask);
  },
  models: (node) => node.models(),
  events: async (node, { query: { after, count, ...query } }) => {
    // An id of a store that was set aside, or of a clock that was ahead, stands for the beginning.
    const known = after === undefined || after > node.newEventId() ? {} : { after };
    const wanted = checked(eventQuerySchema, { ...query, ...known }, 'query');
    const oldestFirst = after === undefined ? {} : { newest: false };
    const events = await node.events({ ...wanted, ...oldestFirst, limit: wanted.limit + 1 });
    const page = events.slice(0, wanted.limit);
    return {
      events: await withAcknowledgements(node, page),
      more: events.length > wanted.limit,
      ...(count === '1' ? { count: await countOf(node, { ...wanted, after: undefined, before: undefined }) } : {}),
    };
  },
  alarms: (node) =>
    node.status().alarms.map((alarm) => {
      const { by = null, at = null } = alarm.acknowledged ?? {};
      return Object.assign({ acknowledged_by: by, acknowledged_at: at }, alarm);
    }),
  acknowledge: async (node, { params, body, by }) => {
    const found = checked(findingSchema, body ?? {}, 'body');
    // One that is open needs no store.
    const open = node.status().alarms.find((alarm) => alarm.event === params.event);
    if (open) {
      node.acknowledge({ subject: open.subject, camera: open.camera }, by, found);
      return { event: open.event, camera: open.camera, subject: open.subject };
    }
    const [event] = await node.events({ id: params.event, limit: 1 });
    if (!event) throw new VigiaError('not_found', `there is no event ${params.event}`);
    if (event.severity !== 'alarm')
      throw new VigiaError('no_alarm', `event ${event.id} is no alarm: its severity is ${event.severity}`);
    node.acknowledge(event, by, found);
    return { event: event.id, camera: event.camera, subject: event.subject };
  },
  config: (node) => node.config,
  putConfig: (node, { query, body, ...asker }) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
    if (query.dry_run === '1')
      return { revision: node.config.revision, changes: node.previewConfig(text, query.file, asker) };
    if (query.file === undefined) return node.putConfig(text, asker);
    throw new UsageError('query.file: allowed with dry_run=1 only; the node reads its own file on a reload');
  },
  revisions: (node) => node.revisions,
  rollBack: (node, { body, ...asker }) => node.rollBack(checked(rollBackSchema, body, 'body').revision, asker),
  reload: (node) => node.reload(),
  breakDemo: (node, { body }) => {
    const wish = checked(demoBreakSchema, body, 'body');
    cameraOf(node, wish.camera);
    node.breakDemo(wish);
    return wish;
  },
};

/** @throws VigiaError `not_found` */
function cameraOf(node: ControlledNode, id: string): ControlledCamera {
  const camera = node.camera(id);
  if (camera) return camera;
  const message = `there is no camera "${id}"; this node has ${node.cameraIds.join(', ') || 'none'}`;
  throw new VigiaError('not_found', message);
}

/** @throws UsageError */
function objectOf(body: unknown): object {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new UsageError('body: an object with the settings to change is expected');
}

/** Also one that is switched off. @throws VigiaError `not_found` */
function checkConsumer(node: ControlledNode, id: string, consumer: string): void {
  cameraOf(node, id);
  const { cameras } = node.config.document as { readonly cameras: Readonly<Record<string, { consumers: object }>> };
  const known = Object.keys(cameras[id]?.consumers ?? {});
  if (known.includes(consumer)) return;
  throw new VigiaError('not_found', `camera ${id} has no consumer "${consumer}"; it has ${known.join(', ') || 'none'}`);
}

/** @throws VigiaError `not_found`; UsageError for a consumer that has no worker. */
function checkWorker(node: ControlledNode, id: string, consumer: string): void {
  // Not those of the counters: a camera that has just started has none.
  const { consumers } = cameraOf(node, id).setup;
  const found = consumers.find((one) => one.id === consumer);
  if (found?.kind === 'worker') return;
  const workers = consumers.filter(({ kind }) => kind === 'worker').map((one) => one.id);
  const what = found ? `has no worker of its own: it looks through model ${found.model}` : 'is not there';
  const message = `consumer "${consumer}" of camera ${id} ${what}; consumers with workers: ${workers.join(', ') || 'none'}`;
  throw found ? new UsageError(message) : new VigiaError('not_found', message);
}

/** What matches, whichever page of it was asked for. */
async function countOf(node: ControlledNode, query: EventQuery): Promise<{ events: number; more: boolean }> {
  const found = await node.countEvents({ ...query, limit: EVENT_COUNT_LIMIT + 1 });
  return { events: Math.min(found, EVENT_COUNT_LIMIT), more: found > EVENT_COUNT_LIMIT };
}

/** Alarms with who has acknowledged them. It is said of the event that they named; of an open alarm, of all of its events. */
async function withAcknowledgements(node: ControlledNode, events: readonly NodeEvent[]): Promise<NodeEvent[]> {
  const alarms = events.filter(({ severity }) => severity === 'alarm').map(({ id }) => id);
  if (alarms.length === 0) return [...events];
  const known = new Map<string, Acknowledged>();
  const notes = await node.events({ kinds: ['audit'], about: alarms, limit: EVENTS_LIMIT });
  for (const { at, data } of notes.flatMap((event) => (event.kind === 'audit' ? [event] : []))) {
    const { action, target, outcome, by, found } = data;
    if (action === 'acknowledge' && outcome === 'done' && target !== null)
      // Who it was first, stays; what was found is what was said last.
      known.set(target, { ...(known.get(target) ?? { at, by }), ...found });
  }
  const open = node.status().alarms;
  return events.map((event) => {
    if (event.severity !== 'alarm') return event;
    const of = open.find(({ subject, event: first }) => subject === event.subject && event.id >= first);
    const acknowledged = of?.acknowledged ?? known.get(event.id);
    return acknowledged ? { ...event, acknowledged } : event;
  });
}
