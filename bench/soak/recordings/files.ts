import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SEND_TIME_UUID } from '@vigia/testkit';
import { parseFootagePath, readSegment, type Segment } from '../../support/runtime-internals.ts';

const UUID = Buffer.from(SEND_TIME_UUID, 'hex');
const MARK_BYTES = 8;

/** A segment's file, read back. */
export interface Recorded {
  readonly path: string;
  readonly camera: string;
  readonly order: number;
  readonly segment: Segment;
  /** Wall times, milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of its whole fragments, in order: see `Sent.mark`. */
  readonly marks: readonly bigint[];
}

/** Paths of all files below a directory, relative to it. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name).slice(dir.length + 1)] : [],
  );
}

/** Reads every segment below a directory, by camera and order. Files without one whole fragment are left out. */
export async function recordedIn(dir: string): Promise<Recorded[]> {
  const found: Recorded[] = [];
  for (const path of filesIn(dir)) {
    const name = parseFootagePath(path);
    const segment = name && (await readSegment(join(dir, path)));
    if (!segment) continue;
    const fromMs = segment.note.start_ms;
    const marks = marksIn((await readFile(join(dir, path))).subarray(0, segment.bytes));
    const { camera, order } = name;
    found.push({ path: join(dir, path), camera, order, segment, fromMs, toMs: fromMs + segment.durationMs, marks });
  }
  return found.sort((a, b) => a.camera.localeCompare(b.camera) || a.order - b.order);
}

/** The times of sending that the simulated camera wrote into its units, in order. */
export function marksIn(data: Buffer): bigint[] {
  const marks: bigint[] = [];
  for (let at = data.indexOf(UUID); at >= 0; at = data.indexOf(UUID, at)) {
    at += UUID.byteLength;
    const mark = Buffer.alloc(MARK_BYTES);
    // Bytes of the message are escaped: 0 0 3 stands for 0 0.
    for (let filled = 0, zeros = 0; filled < MARK_BYTES && at < data.byteLength; at += 1) {
      const byte = data[at] as number;
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      mark[filled] = byte;
      filled += 1;
    }
    marks.push(mark.readBigUInt64BE());
  }
  return marks;
}

/** Decodes the whole fragments of a segment. @returns what ffmpeg complains of; empty: nothing. */
export async function decodeErrors({ path, segment }: Pick<Recorded, 'path' | 'segment'>): Promise<string> {
  const data = (await readFile(path)).subarray(0, segment.bytes);
  const args = ['-v', 'error', '-threads', '1', '-i', 'pipe:0', '-f', 'null', '-'];
  const child = spawn('ffmpeg', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  // One that ends early has said why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(data);
  const [code] = (await once(child, 'close')) as [number | null];
  return text.trim() || (code === 0 ? '' : `ffmpeg ended with ${code}`);
}
