const GREY = 128;

/**
 * Four pictures with different detections: the given one, rotated by 180°, plain grey, and mirrored left to right.
 *
 * @param pixels Packed RGB24.
 */
export function differentPictures(pixels: Uint8Array, width: number, height: number): Uint8Array[] {
  const arranged = (from: (x: number, y: number) => number): Uint8Array => {
    const picture = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const at = from(x, y) * 3;
        picture.set(pixels.subarray(at, at + 3), (y * width + x) * 3);
      }
    }
    return picture;
  };
  return [
    pixels,
    arranged((x, y) => (height - 1 - y) * width + width - 1 - x),
    new Uint8Array(pixels.length).fill(GREY),
    arranged((x, y) => y * width + width - 1 - x),
  ];
}
