import { crc32 } from 'node:zlib';

/** A row of the table `event`, without its checksum. */
export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly at_ms: number;
  readonly camera: string | null;
  readonly kind: string;
  readonly severity: number;
  readonly body: string;
}

/** The same with its checksum. */
export interface SummedRow extends EventRow {
  readonly sum: number | null;
}

/** The columns of a {@link SummedRow}. */
export const COLUMNS = 'seq, id, at_ms, camera, kind, severity, body, sum';

/** The checksum of an event's row: SQLite does not notice a bit that changes inside a value. 32 bits. */
export function sumOfEvent({ seq, id, at_ms, camera, kind, severity, body }: EventRow): number {
  return crc32(body, crc32(JSON.stringify([seq, id, at_ms, camera, kind, severity])));
}

/** Whether a row says what was written. */
export function isSound(row: SummedRow): boolean {
  return typeof row.body === 'string' && row.sum === sumOfEvent(row);
}

/** The checksum of a reader's place. */
export function sumOfPlace(name: string, seq: number): number {
  return crc32(JSON.stringify([name, seq]));
}
