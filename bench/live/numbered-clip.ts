import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Bits of a picture's number, each a square of so many pixels in the first rows of the picture. */
export const NUMBER_BITS = 12;
export const NUMBER_SIDE = 32;

/** The squares of a number, the highest bit first: gray, 8 bit. */
function stripeOf(number: number): Buffer {
  const row = Buffer.alloc(NUMBER_BITS * NUMBER_SIDE);
  for (let bit = 0; bit < NUMBER_BITS; bit += 1)
    if ((number >> (NUMBER_BITS - 1 - bit)) & 1) row.fill(255, bit * NUMBER_SIDE, (bit + 1) * NUMBER_SIDE);
  return Buffer.concat(Array.from({ length: NUMBER_SIDE }, () => row));
}

/** Options of {@link writeNumberedClip}. */
export interface NumberedClip {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly seconds: number;
  /** Pictures from one keyframe to the next. */
  readonly group: number;
  readonly kbits: number;
}

/** Writes a moving test picture in H.264, without B-pictures, with the number of each picture in it. @throws Error of ffmpeg. */
export async function writeNumberedClip(clip: NumberedClip): Promise<void> {
  const { path, width, height, fps, seconds, group, kbits } = clip;
  const stripe = `-f rawvideo -pix_fmt gray -s ${NUMBER_BITS * NUMBER_SIDE}x${NUMBER_SIDE} -r ${fps} -i pipe:0`;
  const encode = `-c:v libx264 -preset veryfast -tune zerolatency -profile:v main -bf 0 -g ${group} -keyint_min ${group} -sc_threshold 0 -b:v ${kbits}k -maxrate ${kbits}k -bufsize ${kbits}k -pix_fmt yuv420p`;
  const args = ['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${fps}`];
  args.push(...stripe.split(' '), '-filter_complex', '[0][1]overlay=0:0:shortest=1', ...encode.split(' '), path);
  const ffmpeg = spawn('ffmpeg', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  ffmpeg.stderr.on('data', (chunk) => (said += String(chunk)));
  ffmpeg.stdin.on('error', () => undefined);
  const ended = once(ffmpeg, 'exit');
  for (let number = 0; number < seconds * fps; number += 1)
    if (!ffmpeg.stdin.write(stripeOf(number))) await Promise.race([once(ffmpeg.stdin, 'drain'), ended]);
  ffmpeg.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`ffmpeg: ${said.trim()}`);
}
