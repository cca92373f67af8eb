const START = Buffer.from([0, 0, 1]);

/** The first byte of the next NAL unit at or after `from`; -1 when there is none. */
export function nextNal(data: Buffer, from: number): number {
  const at = data.indexOf(START, from);
  return at < 0 || at + START.byteLength >= data.byteLength ? -1 : at + START.byteLength;
}

/** The end of a NAL unit that begins at `start`: where the next one's start code is. May include one zero byte of it. */
export function nalEnd(data: Buffer, start: number): number {
  const at = data.indexOf(START, start);
  return at < 0 ? data.byteLength : at;
}
