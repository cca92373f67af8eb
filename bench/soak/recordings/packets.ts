import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { marksIn, type Recorded } from './files.ts';

const run = promisify(execFile);
const MOST_BYTES = 256 * 2 ** 20;

/** A sample of a recording. Times in ticks of its track. */
export interface Packet {
  readonly kind: 'video' | 'audio';
  readonly data: Buffer;
  readonly shown: number;
  readonly decoded: number;
}

/** A picture as it is in a file. */
export interface RecordedUnit {
  /** NAL units without their lengths, without parameter sets and without the camera's mark. */
  readonly nals: readonly Buffer[];
  readonly mark: bigint | undefined;
  /** Wall time at which the picture was captured, by the recording. Milliseconds. */
  readonly wallMs: number;
  readonly shown: number;
  readonly decoded: number;
}

/** All samples of a segment, as ffprobe finds them: a reader that is not ours. */
export async function packetsOf({ path }: Pick<Recorded, 'path'>): Promise<Packet[]> {
  const entries = 'packet=codec_type,pts,dts,size,pos';
  const args = ['-v', 'error', '-ignore_editlist', '1', '-show_entries', entries, '-of', 'json', path];
  const { stdout } = await run('ffprobe', args, { maxBuffer: MOST_BYTES });
  const file = await readFile(path);
  const { packets } = JSON.parse(stdout) as {
    packets: { codec_type: 'video' | 'audio'; pts: number; dts: number; size: string; pos: string }[];
  };
  return packets.map(({ codec_type: kind, pts, dts, size, pos }) => {
    const at = Number(pos);
    return { kind, data: file.subarray(at, at + Number(size)), shown: pts, decoded: dts };
  });
}

/** The pictures of a segment, in order of decoding. @throws Error for a sample that is not made of NAL units. */
export function unitsOf(recorded: Recorded, packets: readonly Packet[], codec: 'h264' | 'h265'): RecordedUnit[] {
  const video = packets.filter(({ kind }) => kind === 'video');
  const firstShown = video[0]?.shown ?? 0;
  return video.map(({ data, shown, decoded }) => {
    const all = nalsIn(data);
    const nals = all.filter((nal) => !isSet(nal, codec) && marksIn(nal).length === 0);
    const wallMs = recorded.fromMs + (shown - firstShown) / 90;
    return { nals, mark: marksIn(data)[0], wallMs, shown, decoded };
  });
}

/** Splits a sample of length-prefixed NAL units. */
function nalsIn(data: Buffer): Buffer[] {
  const nals: Buffer[] = [];
  for (let at = 0; at < data.byteLength; ) {
    const size = data.readUInt32BE(at);
    if (size === 0 || at + 4 + size > data.byteLength) throw new Error('a sample is not made of NAL units');
    nals.push(data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return nals;
}

function isSet(nal: Buffer, codec: 'h264' | 'h265'): boolean {
  const header = nal[0] ?? 0;
  const type = codec === 'h264' ? header & 0x1f : (header >> 1) & 0x3f;
  return codec === 'h264' ? type === 7 || type === 8 : type >= 32 && type <= 34;
}
