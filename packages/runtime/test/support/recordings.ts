import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { boxesIn, encodeNote, footagePath, type FootageView, type Piece } from '../../src/core/footage/index.ts';

/** A segment to be recorded. */
export interface Take {
  readonly startMs: number;
  readonly seconds: number;
  readonly codec?: 'h264' | 'hevc';
  readonly size?: string;
  /** AAC, or G.711 in a QuickTime file. */
  readonly sound?: boolean | 'g711';
  /** Default: 2 B-frames, closed groups of a second, 25 pictures a second. */
  readonly params?: string;
  /** With an edit list, which hides the delay of B-frames. */
  readonly edits?: boolean;
  /** Seconds into the scene; other values give other pictures. */
  readonly scene?: number;
}

/** A decoded picture: when it was shown, milliseconds of wall time or from a clip's first picture, and the digest of its pixels. */
export interface Shown {
  readonly ms: number;
  readonly md5: string;
}

/** What a fake index knows of a camera. Change `hidden` pieces by replacing `pieces`. */
export class Recordings implements FootageView {
  readonly dir: string;
  readonly all = new Map<string, Piece[]>();
  /** Whether pieces end where the range ends that is asked for. Either is allowed. */
  cutting = false;
  /** Files with results, by camera. */
  readonly results = new Map<string, readonly string[]>();
  gapsOf: ReturnType<FootageView['gaps']>[number][] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  pieces(camera: string, fromMs: number, toMs: number): readonly Piece[] {
    const found = (this.all.get(camera) ?? []).filter((piece) => piece.fromMs < toMs && piece.toMs > fromMs);
    if (!this.cutting) return found;
    return found.map((one) => within(one, fromMs, toMs));
  }

  gaps(_camera: string, fromMs: number, toMs: number): ReturnType<FootageView['gaps']> {
    return this.gapsOf.filter((gap) => gap.fromMs < toMs && (gap.toMs ?? Number.POSITIVE_INFINITY) > fromMs);
  }

  resultFiles(camera: string): readonly string[] {
    return this.results.get(camera) ?? [];
  }

  cameras(): readonly string[] {
    return [...this.all.keys()];
  }

  /** Records a segment as a camera's recorder would, and returns its piece. */
  record(camera: string, take: Take): Piece {
    const pieces = this.all.get(camera) ?? [];
    this.all.set(camera, pieces);
    const order = pieces.length + 1;
    const { startMs, seconds } = take;
    const path = join(this.dir, footagePath({ camera, startMs: Math.floor(startMs), order, event: false }));
    mkdirSync(dirname(path), { recursive: true });
    encode(path, take);
    const note = { v: 1, node: 'n', camera, boot: 'b', order, epoch: 1, start_ms: startMs, gap: null } as const;
    writeFileSync(path, withNote(readFileSync(path), encodeNote(note)));
    const toMs = startMs + seconds * 1000;
    const piece = { path, order, startMs, fromMs: startMs, toMs, event: false, growing: false };
    pieces.push(piece);
    return piece;
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function within(piece: Piece, fromMs: number, toMs: number): Piece {
  return { ...piece, fromMs: Math.max(fromMs, piece.fromMs), toMs: Math.min(toMs, piece.toMs) };
}

const SOUND: Readonly<Record<string, (noise: string) => string>> = {
  true: (noise) => `-f lavfi -i ${noise} -c:a aac -b:a 64k`,
  g711: (noise) => `-f lavfi -i ${noise} -c:a pcm_alaw -ar 8000`,
};

function encode(path: string, take: Take): void {
  const { seconds, codec = 'h264', size = '160x120', sound = false, scene = 0 } = take;
  const params = take.params ?? 'keyint=25:min-keyint=25:scenecut=0:bframes=2:open-gop=0';
  const scenery = `testsrc2=size=${size}:rate=25,trim=start=${scene}:duration=${seconds},setpts=PTS-STARTPTS`;
  const noise = `sine=frequency=${300 + scene}:sample_rate=48000:duration=${seconds}`;
  const log = codec === 'hevc' ? ':log-level=none' : '';
  const coder = codec === 'h264' ? '-c:v libx264 -x264-params' : '-c:v libx265 -x265-params';
  const args = [
    `-f lavfi -i ${scenery}`,
    SOUND[String(sound)]?.(noise) ?? '-an',
    `${coder} ${params}${log} -preset ultrafast -pix_fmt yuv420p -threads 1`,
    `-f ${sound === 'g711' ? 'mov' : 'mp4'} -movflags frag_keyframe+${take.edits ? 'delay_moov' : 'empty_moov'}+default_base_moof -frag_duration 500000`,
    '-video_track_timescale 90000 -bitexact -y',
  ];
  ffmpeg([...args.join(' ').split(' '), path]);
}

/** The file with a note behind its `moov`. */
function withNote(file: Buffer, note: Buffer): Buffer {
  for (const { type, body } of boxesIn(file)) {
    const end = body.byteOffset - file.byteOffset + body.byteLength;
    if (type === 'moov') return Buffer.concat([file.subarray(0, end), note, file.subarray(end)]);
  }
  throw new Error('no moov');
}

/** Runs ffmpeg, or throws with what it wrote. */
export function ffmpeg(args: readonly string[], input?: Buffer): string {
  return execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    input,
  });
}

/** Decodes the pictures of a file. Times from the first one. Throws at any error that the decoder reports. */
export function picturesOf(path: string, track = 'v:0'): Shown[] {
  const how = `-map 0:${track} -fps_mode passthrough -enc_time_base -1 -f framemd5 -`;
  const text = ffmpeg(['-xerror', '-copyts', '-i', path, ...how.split(' ')]);
  const base = /^#tb 0: (\d+)\/(\d+)$/m.exec(text);
  const tick = (Number(base?.[1]) / Number(base?.[2])) * 1000;
  const rows = text.split('\n').filter((line) => line.startsWith('0,'));
  const shown = rows.map((line) => line.split(',').map((cell) => cell.trim()));
  const first = Number(shown[0]?.[2]);
  return shown.map((cells) => ({ ms: (Number(cells[2]) - first) * tick, md5: cells[5] ?? '' }));
}

/** The pictures of a camera's segments, as wall times. */
export function picturesOfPieces(pieces: readonly Piece[]): Shown[] {
  return pieces.flatMap(({ path, startMs }) => picturesOf(path).map(({ ms, md5 }) => ({ ms: startMs + ms, md5 })));
}

/** The pictures of a file in the order in which they are shown, as grey levels. */
export function pixelsOf(path: string, width: number, height: number): Buffer[] {
  const args = [
    '-v',
    'error',
    '-i',
    path,
    '-map',
    '0:v',
    '-pix_fmt',
    'gray',
    '-fps_mode',
    'passthrough',
    '-f',
    'rawvideo',
    '-',
  ];
  const all = execFileSync('ffmpeg', args, { maxBuffer: 256 * 1024 * 1024 });
  const bytes = width * height;
  return Array.from({ length: all.byteLength / bytes }, (_, i) => all.subarray(i * bytes, (i + 1) * bytes));
}
