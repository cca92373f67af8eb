import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { freePort } from '../../../support/free-port.ts';
import { VigiaNode } from '../../../support/vigia-node.ts';
import type { SoakRun } from '../../soak-run.ts';
import { listed } from '../index-check.ts';
import { type ClipSpec, makeClip, RecordedCamera } from '../recorded-camera.ts';
import { type Footage, footageOf } from './footage.ts';
import { MOST_PICTURES, PAINT_NUMBERS } from './numbers.ts';

/** A camera of the proof. */
export interface PlayersCase {
  readonly id: string;
  readonly clip: ClipSpec & { readonly fps: number };
}

/** Seconds that a camera is there and away, by turns. */
export type Phases = readonly number[];

/** A camera whose recording is over. */
export interface Recording {
  readonly one: PlayersCase;
  readonly camera: RecordedCamera;
  readonly footage: Footage;
  /** Of everything that is recorded; below it `clip.mp4`, `playlist.m3u8`. */
  readonly path: (what: string, range?: { readonly fromMs: number; readonly toMs: number }) => string;
}

const WAIT_MS = 30_000;
const LOOK_MS = 200;
const ROUNDING_MS = 2;

/** Starts cameras whose pictures have numbers. */
export async function startCameras(
  run: SoakRun,
  dir: string,
  cases: readonly PlayersCase[],
): Promise<RecordedCamera[]> {
  const start = async ({ id, clip }: PlayersCase): Promise<RecordedCamera> => {
    const seconds = Math.floor(MOST_PICTURES / clip.fps);
    const path = await makeClip(dir, id, { ...clip, seconds, filter: PAINT_NUMBERS });
    return RecordedCamera.start(run, id, path, clip.aac ? { audio: 'aac' } : {});
  };
  return Promise.all(cases.map(start));
}

/** A folder that is removed with the run. */
export function temporaryFolder({ scope }: SoakRun): string {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-players-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A node that records cameras, and its API over TCP. */
export interface RecordingNode {
  readonly node: VigiaNode;
  readonly url: string;
  /** Where its recordings are. */
  readonly footage: string;
}

/** Starts one. */
export async function startNode(
  { signal, scope, progress }: SoakRun,
  dir: string,
  cameras: readonly RecordedCamera[],
): Promise<RecordingNode> {
  const footage = join(dir, 'footage');
  mkdirSync(footage);
  const listen = `127.0.0.1:${await freePort()}`;
  const top = `storage: { path: ${footage}, min_free: 1MB }\nhttp: { listen: "${listen}" }\n`;
  const sources = Object.fromEntries(cameras.map(({ id, camera }) => [id, camera.url]));
  const bench = { signal, scope, seconds: 0, progress };
  const node = VigiaNode.start(bench, sources, '{}', 'record: { mode: always }', { models: '', top });
  return { node, url: `http://${listen}`, footage };
}

/** Lets cameras come and go; at the end they are away, and the index knows all files. */
export async function record(
  run: SoakRun,
  { node, footage }: RecordingNode,
  cameras: readonly RecordedCamera[],
  phases: Phases,
): Promise<void> {
  for (const [i, seconds] of phases.entries()) {
    const isThere = i % 2 === 0;
    run.progress(`cameras are ${isThere ? 'there' : 'away'} for ${seconds} s`);
    const sent = cameras.map((one) => one.sent.length);
    await Promise.all(cameras.map(({ camera }) => camera.setFaults(isThere ? [] : ['refuse'])));
    const sends = (): true | undefined => cameras.every((one, k) => one.sent.length > (sent[k] ?? 0)) || undefined;
    if (isThere) await soon(run, 'pictures of each camera', async () => sends());
    await sleep(systemClock, seconds * 1000, run.signal);
  }
  await Promise.all(cameras.map(({ camera }) => camera.setFaults(['refuse'])));
  await soon(run, 'an index of all files', () => isIndexed(node, footage, cameras));
}

/** Asks until something holds: the answers come from other processes. */
async function soon(run: SoakRun, what: string, look: () => Promise<true | undefined>): Promise<void> {
  for (const endMs = systemClock.nowMs() + WAIT_MS; !(await look()); ) {
    if (systemClock.nowMs() > endMs) throw new Error(`${what}: did not come within ${WAIT_MS / 1000} s`);
    await sleep(systemClock, LOOK_MS, run.signal);
  }
}

/** The camera is away for the index too, and what it has reaches up to there. */
async function isIndexed(node: VigiaNode, dir: string, cameras: readonly RecordedCamera[]): Promise<true | undefined> {
  const index = await listed(node);
  for (const camera of cameras) {
    const { spans = [], gaps = [] } = index[camera.id] ?? {};
    if (gaps.at(-1)?.to_ms !== null) return undefined;
    const endMs = (await footageOf(dir, camera)).pictures.at(-1)?.endMs ?? 0;
    if (Math.abs((spans.at(-1)?.to_ms ?? 0) - endMs) > ROUNDING_MS) return undefined;
  }
  return true;
}

/** Reads back what is recorded of each camera. */
export async function readBack(
  dir: string,
  cases: readonly PlayersCase[],
  cameras: readonly RecordedCamera[],
): Promise<Recording[]> {
  const read = async (camera: RecordedCamera, i: number): Promise<Recording> => {
    const footage = await footageOf(dir, camera);
    const everything = {
      fromMs: Math.floor(footage.pictures[0]?.wallMs ?? 0),
      toMs: Math.ceil(footage.pictures.at(-1)?.endMs ?? 0),
    };
    const path: Recording['path'] = (what, { fromMs, toMs } = everything) =>
      `/api/v1/recordings/${camera.id}/${what}?from=${fromMs}&to=${toMs}`;
    return { one: cases[i] as PlayersCase, camera, footage, path };
  };
  return Promise.all(cameras.map(read));
}
