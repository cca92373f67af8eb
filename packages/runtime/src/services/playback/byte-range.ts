/** What of a body is asked for: bytes from, up to and without `to`; or nothing that it has. */
export type ByteRange = { readonly from: number; readonly to: number } | 'all' | 'unsatisfiable';

const RANGE = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/;

/**
 * Reads a `Range` header (RFC 9110, 14.2). Anything but one range of bytes is ignored, as the RFC allows.
 *
 * @param length Of the body.
 */
export function parseRange(header: string | undefined, length: number): ByteRange {
  const [, first, last, suffix] = RANGE.exec(header ?? '') ?? [];
  if (suffix !== undefined) {
    const bytes = Math.min(length, Number(suffix));
    return bytes === 0 ? 'unsatisfiable' : { from: length - bytes, to: length };
  }
  if (first === undefined) return 'all';
  const from = Number(first);
  const to = last === '' || last === undefined ? length : Math.min(length, Number(last) + 1);
  if (last !== '' && Number(last) < from) return 'all';
  return from >= length ? 'unsatisfiable' : { from, to };
}

/** Whether a range may be sent: `If-Range` names what the caller has already, if anything (RFC 9110, 13.1.5). */
export function rangeStillHolds(ifRange: string | undefined, tag: string): boolean {
  return ifRange === undefined || ifRange === tag;
}
