import { SEND_TIME_UUID } from '@vigia/testkit';
import { messageOf } from '@vigia/base';
import type { SoakRun } from '../../soak-run.ts';
import { framesOf, inFirstPicture, inPieces, type Range, whole, wrongClip } from './clips.ts';
import type { Footage } from './footage.ts';
import type { Front } from './front.ts';
import type { Recording } from './setting.ts';

/** What became of the clips of one camera. */
export interface ClipsVerdict {
  readonly clips: number;
  readonly requests: number;
  readonly pictures: number;
  /** Clips with a gap in them. */
  readonly acrossGaps: number;
  readonly wrong: readonly string[];
}

/** Seconds of a clip. */
const LENGTH = { least: 0.2, most: 15 };
const MARK = Buffer.from(SEND_TIME_UUID, 'hex');

/**
 * Downloads clips of random ranges, every other one in pieces, and compares every picture with those of the camera.
 *
 * @param random From 0 to below 1.
 */
export async function judgeClips(
  run: SoakRun,
  node: string,
  recording: Recording,
  count: number,
  random: () => number,
): Promise<ClipsVerdict> {
  const { footage, camera, path } = recording;
  const hashes = (await framesOf(run, camera.camera.clip.path)).map(({ hash }) => hash);
  let [requests, pictures, acrossGaps] = [0, 0, 0];
  const wrong: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const range = randomRange(footage, random);
    const url = node + path('clip.mp4', range);
    try {
      const download = i % 2 === 0 ? await whole(run, url) : await inPieces(run, url, random);
      const frames = await framesOf(run, '-', download.bytes);
      requests += download.requests;
      pictures += frames.length;
      if (footage.gaps.some(({ fromMs, toMs }) => range.fromMs < fromMs && range.toMs > toMs)) acrossGaps += 1;
      wrong.push(...wrongClip(footage, hashes, range, download, frames).map((text) => `${url}: ${text}`));
    } catch (error) {
      run.signal.throwIfAborted();
      wrong.push(`${url}: ${messageOf(error)}`);
    }
  }
  return { clips: count, requests, pictures, acrossGaps, wrong };
}

/** A range with footage in it. */
function randomRange({ pictures, gaps }: Footage, random: () => number): Range {
  const [firstMs, endMs] = [pictures[0]?.wallMs ?? 0, pictures.at(-1)?.endMs ?? 0];
  for (;;) {
    const fromMs = Math.floor(firstMs + random() * (endMs - firstMs));
    const seconds = LENGTH.least + random() * (LENGTH.most - LENGTH.least);
    const toMs = fromMs + Math.ceil(seconds * 1000);
    if (!gaps.some((gap) => fromMs >= gap.fromMs - 1 && toMs <= gap.toMs + 1)) return { fromMs, toMs };
  }
}

/** One byte of one picture is another: the judge must see it. */
export async function spoiltClip(run: SoakRun, front: Front, { footage, camera, path }: Recording): Promise<string[]> {
  const hashes = (await framesOf(run, camera.camera.clip.path)).map(({ hash }) => hash);
  const range = {
    fromMs: Math.ceil(footage.pictures[0]?.wallMs ?? 0),
    toMs: Math.ceil(footage.pictures[20]?.wallMs ?? 0),
  };
  const spoil = (clip: Buffer): Buffer => {
    const at = inFirstPicture(clip, MARK);
    clip[at] = (clip[at] as number) ^ 1;
    return clip;
  };
  const judged = async (): Promise<string[]> => {
    try {
      const download = await whole(run, front.url + path('clip.mp4', range));
      return wrongClip(footage, hashes, range, download, await framesOf(run, '-', download.bytes));
    } catch (error) {
      run.signal.throwIfAborted();
      return [messageOf(error)];
    }
  };
  const before = await judged();
  const noticed = (await front.spoilt(spoil, judged)).length > 0;
  return [
    ...before.map((text) => `control: before a byte is another: ${text}`),
    ...(noticed ? [] : ['control: another byte in a clip was not noticed']),
  ];
}
