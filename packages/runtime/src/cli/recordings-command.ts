import { printableJson, quoted, UsageError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { fit, formatBytes } from '#core/terminal';
import { askJson } from './node-answers.ts';
import { moment, type Values } from './options.ts';
import { socketOf } from './which-node.ts';

const ANSWER_MS = 15_000;
/** Every file is read. */
const REBUILD_MS = 3_600_000;
const WIDTH = 26;

/** `vigia recordings`. */
export async function recordingsCommand(
  values: Values,
  [what = 'list', camera, ...more]: readonly string[],
): Promise<number> {
  if (more.length > 0 || !['list', 'mark', 'rebuild'].includes(what))
    throw new UsageError(`vigia recordings: found "${quoted(what, 40)}", allowed are list, mark and rebuild`);
  if (camera !== undefined && !ID_PATTERN.test(camera))
    throw new UsageError(`vigia recordings: "${quoted(camera, 40)}" is no camera id`);
  if (what === 'rebuild') return rebuild(values);
  return what === 'mark' ? mark(values, camera) : list(values, camera);
}

async function list(values: Values, camera: string | undefined): Promise<number> {
  const query = new URLSearchParams(camera === undefined ? {} : { camera });
  for (const key of ['from', 'to']) {
    const ms = moment(values, key);
    if (ms !== undefined) query.set(key, iso(ms));
  }
  const socket = await socketOf(values, 'recordings');
  const answer = await askJson(API.recordings.answer, socket, `/api/v1/recordings?${query.toString()}`, ANSWER_MS);
  if (values['json']) process.stdout.write(`${printableJson(answer)}\n`);
  else for (const line of linesOf(answer.cameras)) process.stdout.write(`${line}\n`);
  return 0;
}

type Recorded = (typeof API.recordings.answer)['_output']['cameras'];

function* linesOf(cameras: Recorded): Iterable<string> {
  if (Object.keys(cameras).length === 0) yield 'nothing was recorded in this time';
  for (const [camera, { spans, gaps }] of Object.entries(cameras)) {
    const rows = [
      ...spans.map(({ from_ms: from, to_ms: to, event }) => ({
        from,
        to,
        word: event ? 'recorded, event' : 'recorded',
      })),
      ...gaps.map(({ from_ms: from, to_ms: to, reason }) => ({
        from,
        to,
        word: reason === 'removed' ? 'removed' : `gap: ${reason}`,
      })),
    ].toSorted((a, b) => a.from - b.from);
    yield camera;
    for (const { from, to, word } of rows)
      yield `  ${fit(iso(from), WIDTH)}${fit(to === null ? 'now' : iso(to), WIDTH)}${word}`;
  }
}

async function mark(values: Values, camera: string | undefined): Promise<number> {
  if (camera === undefined) throw new UsageError('vigia recordings mark: the camera is missing');
  const socket = await socketOf(values, 'recordings');
  const path = `/api/v1/recordings/${camera}/event`;
  const [from, to] = [moment(values, 'from'), moment(values, 'to')];
  const body = JSON.stringify({ from_ms: from, to_ms: to });
  const done = await askJson(API.markRecording.answer, socket, path, ANSWER_MS, { method: 'POST', json: body });
  process.stdout.write(`${camera}: an event at ${iso(done.from_ms)} is kept\n`);
  return 0;
}

async function rebuild(values: Values): Promise<number> {
  const socket = await socketOf(values, 'recordings');
  const path = '/api/v1/recordings/rebuild';
  const done = await askJson(API.rebuildRecordings.answer, socket, path, REBUILD_MS, { method: 'POST' });
  const { segments, bytes, removed, seconds } = done;
  process.stdout.write(
    `${segments} segments, ${formatBytes(bytes)}, read in ${seconds.toFixed(1)} s; ${removed} entries had no file\n`,
  );
  return 0;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
