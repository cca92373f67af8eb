import { execFileSync } from 'node:child_process';

/** Size of a marked clip, pixels. */
export const MARKED = { width: 320, height: 180 } as const;
/** The picture's number stands in its first rows, a square of so many pixels for each bit, the highest first. */
export const NUMBER = { bits: 8, side: 16 } as const;
const SQUARE = 40;
const PICTURES = 120;

/** Where the white square of a picture begins, pixels. In the next four pictures it is 23 pixels and more from there. */
export function squareOf(number: number): { readonly x: number; readonly y: number } {
  return { x: (number * 97) % (MARKED.width - SQUARE), y: 40 + ((number * 53) % 90) };
}

/** Writes a clip of 2 pictures a second, each with its number, and a white square where the number says. @throws Error of ffmpeg. */
export function writeMarkedClip(path: string): void {
  const input = `-f rawvideo -pix_fmt gray -s ${MARKED.width}x${MARKED.height} -r 2 -i pipe:0`;
  const encode = '-c:v libx264 -pix_fmt yuv420p -crf 10 -bf 0 -g 2';
  const pictures = Buffer.concat(Array.from({ length: PICTURES }, (_, number) => markedPicture(number)));
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...input.split(' '), ...encode.split(' '), path], { input: pictures });
}

function markedPicture(number: number): Buffer {
  const picture = Buffer.alloc(MARKED.width * MARKED.height, 60);
  const fill = (x: number, y: number, side: number, value: number): void => {
    for (let row = y; row < y + side; row += 1)
      picture.fill(value, row * MARKED.width + x, row * MARKED.width + x + side);
  };
  for (let bit = 0; bit < NUMBER.bits; bit += 1)
    fill(bit * NUMBER.side, 0, NUMBER.side, (number >> (NUMBER.bits - 1 - bit)) & 1 ? 255 : 0);
  const { x, y } = squareOf(number);
  fill(x, y, SQUARE, 255);
  return picture;
}
