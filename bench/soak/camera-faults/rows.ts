import type { Scope } from '@vigia/base';
import { SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import { clipOf } from '../../capture/clips.ts';
import { CLIP } from '../../support/paths.ts';
import type { TimedLine } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import type { Fault } from './fault-list.ts';

/** Time limit of results after a fault: the back-off grows to 10 s, after a wrong password to more. */
export const RECOVERY_LIMIT_MS = 120_000;
/** Units that may be in transit when the node reports its final counts. */
export const ON_THE_WAY = 5;

/** Outcome of a row. */
export interface Outcome {
  readonly cells: readonly string[];
  readonly failures: readonly string[];
}

/** Plays the rows with limited concurrency; the outcomes are in the order of the rows. */
export async function inLanes(rows: readonly (() => Promise<Outcome>)[], lanes: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const next = rows.entries();
  const lane = async (): Promise<void> => {
    for (const [i, row] of next) outcomes[i] = await row();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

/** The second clip of a camera that changes to another. */
export async function secondClipOf(run: SoakRun, { second }: Fault): Promise<Partial<SimulatedCameraOptions>> {
  if (second === undefined) return {};
  if (second === 'hevc') return { secondClip: await hevcClip(run) };
  return { secondClip: (await clipOf({ ...run, seconds: 0 }, second)).path };
}

/** The consumer of every camera. */
export const PEOPLE = '{ people: { model: ssdlite, fps: 5 } }';

/** A simulated camera that is closed with the scope. */
export async function startCamera(scope: Scope, options: Partial<SimulatedCameraOptions>): Promise<SimulatedCamera> {
  const camera = await SimulatedCamera.start({ clip: CLIP, ...options });
  scope.defer(() => camera.close());
  return camera;
}

/** The project's clip in H.265. */
async function hevcClip(run: SoakRun): Promise<string> {
  return (await clipOf({ ...run, seconds: 0 }, '768×576@10 H.265')).path;
}

/** Whether it is a state of the misbehaving camera, while the node runs. */
export function isOfBad({ line }: TimedLine): boolean {
  return line.type === 'camera_state' && line.camera === 'bad' && line.state !== 'stopped';
}

/** `waiting(refused)`, `live`. */
export function textOf({ line }: TimedLine): string {
  if (line.type !== 'camera_state') return '';
  return line.reason === null ? line.state : `${line.state}(${line.reason})`;
}
