import { printableJson, UsageError } from '@vigia/base';
import { eventIdSchema, type NodeItem, TILE_WIDTH } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import type { FastifyRequest } from 'fastify';
import { cameraOf } from './granted-node.ts';
import type { StreamFormat, StreamWish } from './node-streams.ts';
import { checked } from './refusal.ts';

const lastIdSchema = eventIdSchema.optional();
/** Small pictures are as wide as one of these: each width is encoded for itself, for all who look. Pixels. */
const WIDTHS = [160, 320, 480] as const;

/** Many clients read the same items: each is written as JSON once. */
const written = new WeakMap<NodeItem, string>();

function jsonOf(item: NodeItem): string {
  let text = written.get(item);
  if (text === undefined) written.set(item, (text = printableJson(item)));
  return text;
}

/** `GET /api/v1/stream`: results, statistics and events, each under its type. */
const EVERYTHING: StreamFormat = {
  item: (item) => ({ id: item.type === 'event' ? item.event.id : undefined, event: item.type, data: jsonOf(item) }),
  position: (id) => ({ id, event: 'position', data: JSON.stringify({ type: 'position', id: id ?? null }) }),
  lost: (samples) => ({ event: 'lost', data: JSON.stringify({ type: 'lost', samples }) }),
};

/** `GET /api/v1/events/stream`: events by themselves, under their kind. */
const EVENTS: StreamFormat = {
  item: (item) =>
    item.type === 'event'
      ? { id: item.event.id, event: item.event.kind, data: printableJson(item.event) }
      : { event: item.type, data: jsonOf(item) },
  position: (id) => ({ id, event: 'position', data: '{}' }),
};

/** Stored events. */
export function eventsOnly(): Pick<StreamWish, 'wants' | 'format'> {
  return { wants: isStored, format: EVENTS };
}

/** @param types Of items. @param camera Only what concerns this one. */
export function everything(types: readonly string[], camera: string | undefined): Pick<StreamWish, 'wants' | 'format'> {
  const wanted = new Set<string>(types);
  const wants = (item: NodeItem): boolean =>
    (wanted.has(item.type) || (item.type === 'result' && wanted.has('summary'))) &&
    (camera === undefined || cameraOf(item) === camera) &&
    (item.type !== 'event' || isStored(item));
  return { wants, format: EVERYTHING };
}

/** Events of severity `debug` are not kept: a stream with them could not be resumed without gaps. */
function isStored(item: NodeItem): boolean {
  return item.type === 'event' && item.event.severity !== 'debug';
}

/** Routes that answer with a stream. */
export type StreamName = 'eventStream' | 'stream';

/** What a request for a stream wants. @throws UsageError for a parameter that is not valid. */
export function wishOf(
  name: StreamName,
  { query, headers }: FastifyRequest,
): Pick<StreamWish, 'after' | 'wants' | 'format' | 'now' | 'summary' | 'pictures'> {
  const asked = checked(API[name].query, query, 'query');
  const after = checked(lastIdSchema, headers['last-event-id'] ?? asked.after, 'Last-Event-ID');
  if (!('types' in asked)) return { after, ...eventsOnly() };
  const { camera, width, fps } = asked;
  const types = asked.types.split(',');
  const wantsPictures = types.includes('picture');
  if (wantsPictures && headers.upgrade === undefined)
    throw new UsageError('query.types: pictures are binary messages: they need a WebSocket');
  return {
    after,
    ...everything(types, camera),
    now: types.includes('now'),
    summary: types.includes('summary') ? { camera, sparse: !types.includes('result') } : undefined,
    pictures: wantsPictures ? { camera, width: widthFor(width), fps } : undefined,
  };
}

/** The next width that is served. */
function widthFor(asked: number): number {
  return WIDTHS.find((width) => width >= asked) ?? TILE_WIDTH.max;
}
