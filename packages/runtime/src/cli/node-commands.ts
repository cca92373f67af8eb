import { writeFileSync } from 'node:fs';
import { codeOf, printable, printableJson, quoted, sleep, systemClock, UsageError, VigiaError } from '@vigia/base';
import { BEFORE_ALL_EVENTS, ID_PATTERN, type NodeEvent } from '@vigia/contracts';
import { API, type ApiResponse } from '@vigia/contracts/api';
import { formatBytes } from '#core/terminal';
import { askNode } from '#services/control-client';
import { recordedLine } from '#cli/views';
import { askJson } from './node-answers.ts';
import { moment, text, type Values } from './options.ts';
import { socketOf } from './which-node.ts';

const SNAPSHOT_MS = 10_000;
/** The first bytes of every JPEG (ITU-T T.81, B.1.1.3). */
const JPEG_START = 0xffd8;
/** A ULID. */
const EVENT_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const HEALTH_MS = 2_000;
const EVENTS_MS = 10_000;
/** How often `--follow` asks. */
const FOLLOW_MS = 500;
/** A reload may download a model. */
const RELOAD_MS = 600_000;
/** A worker may take an hour to start. */
const RESTART_MS = 3_610_000;

/** `vigia snapshot`. */
export async function snapshotCommand(values: Values, [camera = '', file = '']: readonly string[]): Promise<number> {
  if (!ID_PATTERN.test(camera)) throw new UsageError(`vigia snapshot: "${quoted(camera, 40)}" is no camera id`);
  if (/\.(?:png|gif|webp|bmp|tiff?)$/i.test(file))
    throw new UsageError(`vigia snapshot: ${quoted(file)} would hold a JPEG: name it .jpg`);
  const path = `/api/v1/cameras/${camera}/snapshot.jpg?annotated=${values['bare'] ? 0 : 1}`;
  const jpeg = await askNode(await socketOf(values, 'snapshot'), path, SNAPSHOT_MS);
  if (jpeg.byteLength < 2 || jpeg.readUInt16BE(0) !== JPEG_START)
    throw new VigiaError('no_answer', 'the node answered something that is no picture');
  try {
    writeFileSync(file, jpeg);
  } catch (error) {
    throw new VigiaError('snapshot', `${file}: cannot be written (${codeOf(error)})`, { path: file, cause: error });
  }
  process.stdout.write(`${file}: ${formatBytes(jpeg.byteLength)}\n`);
  return 0;
}

/** `vigia reload`. */
export async function reloadCommand(values: Values): Promise<number> {
  const socket = await socketOf(values, 'reload');
  const { text: done } = await askJson(API.reload.answer, socket, '/api/v1/reload', RELOAD_MS, { method: 'POST' });
  process.stdout.write(`${done}\n`);
  return 0;
}

/** `vigia restart`. */
export async function restartCommand(values: Values, [what = '']: readonly string[]): Promise<number> {
  const [camera = '', consumer, ...more] = what.split('/');
  if (more.length > 0 || ![camera, consumer ?? camera].every((id) => ID_PATTERN.test(id)))
    throw new UsageError(`vigia restart: "${what}" is neither a camera nor a camera/consumer`);
  const path = `/api/v1/cameras/${camera}${consumer === undefined ? '' : `/consumers/${consumer}`}/restart`;
  await askNode(await socketOf(values, 'restart'), path, RESTART_MS, { method: 'POST' });
  process.stdout.write(consumer === undefined ? `${what}: has a new process\n` : `${what}: ready\n`);
  return 0;
}

/** `vigia acknowledge`. */
export async function acknowledgeCommand(values: Values, [event = '']: readonly string[]): Promise<number> {
  if (!EVENT_ID.test(event)) throw new UsageError(`vigia acknowledge: "${quoted(event, 40)}" is no id of an event`);
  const socket = await socketOf(values, 'acknowledge');
  const path = `/api/v1/events/${event}/acknowledge`;
  const [outcome, note] = [text(values, 'outcome'), text(values, 'note')];
  const found = { ...(outcome === undefined ? {} : { outcome }), ...(note === undefined ? {} : { note }) };
  const request = { method: 'POST', json: JSON.stringify(found) } as const;
  const { subject, camera } = await askJson(API.acknowledge.answer, socket, path, EVENTS_MS, request);
  process.stdout.write(`${quoted(subject ?? camera ?? event)}: acknowledged; it is not repeated any more\n`);
  return 0;
}

/** `vigia health`: for operators, service managers and container health checks. */
export async function healthCommand(values: Values): Promise<number> {
  await askJson(API.health.answer, await socketOf(values, 'health'), '/healthz', HEALTH_MS);
  process.stdout.write('ok\n');
  return 0;
}

/** `vigia events`. */
export async function eventsCommand(values: Values): Promise<number> {
  const socket = await socketOf(values, 'events');
  const query = new URLSearchParams();
  for (const key of ['after', 'before', 'camera', 'kind', 'severity', 'limit']) {
    const value = text(values, key);
    if (value !== undefined) query.set(key, value);
  }
  for (const key of ['from', 'to']) {
    const ms = moment(values, key);
    if (ms !== undefined) query.set(key, new Date(ms).toISOString());
  }
  const write = (event: NodeEvent): void => {
    process.stdout.write(`${values['json'] ? printableJson(event) : printable(recordedLine(event))}\n`);
  };
  for (;;) {
    const path = `/api/v1/events?${query.toString()}${values['follow'] ? '' : '&count=1'}`;
    const { events, more, count } = await askJson(API.events.answer, socket, path, EVENTS_MS);
    // The newest come first, and are shown last, where a terminal ends.
    const shown = query.has('after') ? events : events.toReversed();
    for (const event of shown) write(event);
    if (!values['follow']) {
      if (more) process.stderr.write(`vigia: ${moreOf(query, shown, count)}\n`);
      return 0;
    }
    const last = shown.at(-1);
    query.set('after', last?.id ?? query.get('after') ?? BEFORE_ALL_EVENTS);
    if (!last) await sleep(systemClock, FOLLOW_MS);
  }
}

/** How to read on. */
function moreOf(query: URLSearchParams, shown: readonly NodeEvent[], count: ApiResponse<'events'>['count']): string {
  const [first, last] = [shown[0]?.id ?? '', shown.at(-1)?.id ?? ''];
  const all = count ? ` of ${count.more ? 'more than ' : ''}${count.events.toLocaleString('en')}` : '';
  return query.has('after')
    ? `${shown.length}${all}; there are later ones: --after ${last}`
    : `${shown.length}${all}; there are earlier ones: --before ${first}`;
}
