import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clip, loadClip } from '@vigia/testkit';
import { newClipDecoder, type NativeFrame } from '../../support/runtime-internals.ts';
import type { Combination } from './combination.ts';

/** A clip, and what a decoder that loses nothing makes of it. */
export interface Exhibit {
  readonly clip: Clip;
  /** Hash of the picture of each unit, by the unit's index. */
  readonly hashes: ReadonlyMap<number, string>;
  /** Pictures between two keyframes. */
  readonly gop: number;
  /** Pictures from the first that is decoded to the first that is whole, at most. */
  readonly settles: number;
}

type Kind = Pick<Combination, 'codec' | 'gop' | 'bFrames' | 'slices'>;

const SIZE = { width: 192, height: 112 } as const;
const PLAIN_GOP = 12;
const REFRESH_GOP = 24;
/** x265 renews all columns of a picture and does not say so. Measured with this clip: after at most 55 pictures. */
const X265_SETTLES = 60;
/** SEI message that says it: recovery_poc_cnt 60, exact_match_flag 1. */
const X265_RECOVERY = Buffer.from('4e01060203c580', 'hex');

const run = promisify(execFile);

/** The clips of a run, encoded once and kept in its folder. */
export class Clips {
  readonly #folder: string;
  /** One encoder at a time. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #made = new Map<string, Promise<Exhibit>>();

  /** @param folder Where the files are written; the caller removes it. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The clip of such a camera. */
  of(kind: Kind): Promise<Exhibit> {
    const name = nameOf(kind);
    const known = this.#made.get(name);
    if (known) return known;
    const made = this.#last.then(() => this.#make(name, kind));
    this.#made.set(name, made);
    this.#last = made;
    return made;
  }

  async #make(name: string, kind: Kind): Promise<Exhibit> {
    const path = join(this.#folder, `${name}.mp4`);
    const frames = isSilentRefresh(kind) ? 130 : 60;
    const source = `testsrc2=s=${SIZE.width}x${SIZE.height}:r=25`;
    const args = ['-f', 'lavfi', '-i', source, ...encoderOf(kind), '-frames:v', String(frames), '-pix_fmt', 'yuv420p'];
    await run('ffmpeg', ['-loglevel', 'error', '-y', ...args, path]);
    const loaded = await loadClip(path);
    const clip = isSilentRefresh(kind) ? withRecoveryPoints(loaded) : loaded;
    const gop = kind.gop === 'refresh' ? REFRESH_GOP : PLAIN_GOP;
    const settles = isSilentRefresh(kind) ? X265_SETTLES : kind.gop === 'refresh' ? REFRESH_GOP : 1;
    return { clip, hashes: referenceOf(clip), gop, settles };
  }
}

function nameOf({ codec, gop, bFrames, slices }: Kind): string {
  return [codec, gop ?? 'idr', bFrames ? 'b' : 'p', slices ? '4' : '1'].join('-');
}

function isSilentRefresh({ codec, gop }: Kind): boolean {
  return codec === 'h265' && gop === 'refresh';
}

/** Arguments of ffmpeg. */
function encoderOf(kind: Kind): string[] {
  const { codec, gop, slices } = kind;
  const b = kind.bFrames || gop === 'open' ? 2 : 0;
  const shared = `keyint=${gop === 'refresh' ? REFRESH_GOP : PLAIN_GOP}:bframes=${b}:b-adapt=0:scenecut=0`;
  const many = slices ? ':slices=4' : '';
  if (codec === 'h264') {
    const way = gop === 'refresh' ? ':intra-refresh=1' : `:open-gop=${gop === 'open' ? 1 : 0}`;
    return ['-c:v', 'libx264', '-x264-params', `${shared}${way}${many}`];
  }
  const way = isSilentRefresh(kind)
    ? ':intra-refresh=1:ctu=16:no-deblock=1:no-sao=1:constrained-intra=1:ref=1:no-strong-intra-smoothing=1:no-weightp=1'
    : `:open-gop=${gop === 'open' ? 1 : 0}${slices ? ':ctu=16' : ''}`;
  return ['-c:v', 'libx265', '-x265-params', `log-level=none:${shared}${way}${many}`];
}

function withRecoveryPoints(clip: Clip): Clip {
  const units = clip.units.map((unit) => {
    const renews = unit.index > 0 && unit.index % REFRESH_GOP === 0;
    return renews ? { ...unit, keyframe: true, nals: [X265_RECOVERY, ...unit.nals] } : unit;
  });
  return { ...clip, units };
}

function referenceOf({ codec, parameterSets, units }: Clip): Map<number, string> {
  const hashes = new Map<number, string>();
  const decoder = newClipDecoder(codec, annexB(parameterSets), (frame, index) => hashes.set(index, hashOf(frame)));
  for (const { nals, index } of units) decoder.decode(annexB(nals), index);
  decoder.restart();
  decoder.close();
  return hashes;
}

function annexB(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
}

const scratch = Buffer.alloc((SIZE.width * SIZE.height * 3) / 2);

/** Hash of the pixels of a picture of the zoo (planar 4:2:0, 192×112), without what lies between its rows. */
export function hashOf(frame: NativeFrame): string {
  const { width, height, linesize } = frame;
  if (width !== SIZE.width || height !== SIZE.height) return `a picture of ${width}×${height}`;
  let at = 0;
  for (const [i, plane] of (frame.data ?? []).slice(0, 3).entries()) {
    const [columns, rows] = i === 0 ? [width, height] : [width / 2, height / 2];
    const stride = linesize[i] ?? 0;
    for (let row = 0; row < rows; row += 1) at += plane.copy(scratch, at, row * stride, row * stride + columns);
  }
  return createHash('sha1').update(scratch.subarray(0, at)).digest('base64');
}
