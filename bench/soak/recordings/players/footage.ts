import { type Recorded, recordedIn } from '../files.ts';
import { packetsOf, unitsOf } from '../packets.ts';
import type { RecordedCamera } from '../recorded-camera.ts';
import { numbersOf } from './numbers.ts';

/** A picture that is recorded. */
export interface RecordedPicture {
  /** See `numbers.ts`. */
  readonly number: number;
  readonly keyframe: boolean;
  /** When it was captured, by the recording. Wall time, milliseconds. */
  readonly wallMs: number;
  /** When the last picture of its file is over. */
  readonly endMs: number;
}

/** What is recorded of one camera, as ffprobe finds it in the files. */
export interface Footage {
  readonly id: string;
  readonly frameMs: number;
  /** In order of decoding. */
  readonly pictures: readonly RecordedPicture[];
  readonly audioBytes: number;
  readonly audioPackets: number;
  /** Wall times without footage between files. */
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
}

/** Pauses that are no gap: a frame may come late. Milliseconds. */
const JOIN_MS = 500;

/** Reads back the files of a camera. @throws Error for a picture that the camera did not send. */
export async function footageOf(dir: string, { id, camera, sent }: RecordedCamera): Promise<Footage> {
  const numbers = numbersOf(camera.clip);
  const byMark = new Map(sent.map((unit) => [unit.mark, unit]));
  const files = (await recordedIn(dir)).filter((file) => file.camera === id);
  const pictures: RecordedPicture[] = [];
  let [audioBytes, audioPackets] = [0, 0];
  for (const file of files) {
    const packets = await packetsOf(file);
    const audio = packets.filter(({ kind }) => kind === 'audio');
    audioPackets += audio.length;
    audioBytes += audio.reduce((sum, { data }) => sum + data.byteLength, 0);
    for (const { mark, wallMs } of unitsOf(file, packets, camera.clip.codec)) {
      const unit = mark === undefined ? undefined : byMark.get(mark);
      const number = unit && numbers.get(unit.index);
      if (!unit || number === undefined) throw new Error(`${file.path} has a picture that ${id} did not send`);
      pictures.push({ number, keyframe: unit.keyframe, wallMs, endMs: file.toMs });
    }
  }
  return { id, frameMs: 1000 / camera.clip.fps, pictures, audioBytes, audioPackets, gaps: gapsBetween(files) };
}

function gapsBetween(files: readonly Recorded[]): Footage['gaps'] {
  return files.slice(1).flatMap((file, i) => {
    const fromMs = files[i]?.toMs ?? file.fromMs;
    return file.fromMs - fromMs > JOIN_MS ? [{ fromMs, toMs: file.fromMs }] : [];
  });
}

/** Most pictures from a keyframe to the next one. */
export function longestGroup(pictures: readonly RecordedPicture[]): number {
  const keyframes = pictures.flatMap(({ keyframe }, i) => (keyframe ? [i] : []));
  return keyframes.reduce((most, at, i) => Math.max(most, (keyframes[i + 1] ?? pictures.length) - at), 0);
}

/** Pictures in the order in which a viewer sees them. */
export function shown(pictures: readonly RecordedPicture[]): RecordedPicture[] {
  return pictures.toSorted((a, b) => a.wallMs - b.wallMs);
}
