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

/** The columns of the table `event`. */
export const COLUMNS = 'seq, id, at_ms, camera, kind, severity, body, sum';

/**
 * The same for reading, with {@link rowOf}. Text is read as bytes and numbers are made numbers: libsql ends the process when a
 * text is no UTF-8, which a flipped bit is enough for.
 */
export const READ_COLUMNS = `seq, CAST(id AS BLOB) AS id, CAST(at_ms AS INTEGER) AS at_ms, CAST(camera AS BLOB) AS camera,
  CAST(kind AS BLOB) AS kind, CAST(severity AS INTEGER) AS severity, CAST(body AS BLOB) AS body, CAST(sum AS INTEGER) AS sum`;

/** What {@link READ_COLUMNS} give. */
export type RawRow = {
  readonly [K in keyof SummedRow]: SummedRow[K] extends number | null ? number | null : Buffer | null;
};

/** A row as it was written, if it is sound. */
export function rowOf({ seq, id, at_ms, camera, kind, severity, body, sum }: RawRow): SummedRow {
  return {
    seq: seq ?? 0,
    id: textOf(id) ?? '',
    at_ms: at_ms ?? 0,
    camera: textOf(camera),
    kind: textOf(kind) ?? '',
    severity: severity ?? 0,
    body: textOf(body) ?? '',
    sum,
  };
}

/** Bytes that are no UTF-8 become other characters, and the checksum differs. */
export function textOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** The checksum of an event's row: SQLite does not notice a bit that changes inside a value. 32 bits. */
export function sumOfEvent({ seq, id, at_ms, camera, kind, severity, body }: EventRow): number {
  return crc32(body, crc32(JSON.stringify([seq, id, at_ms, camera, kind, severity])));
}

/** Whether a row says what was written. */
export function isSound(row: SummedRow): boolean {
  return row.sum === sumOfEvent(row);
}

/** The checksum of a reader's place. */
export function sumOfPlace(name: string, seq: number): number {
  return crc32(JSON.stringify([name, seq]));
}

/** Where to read on. @throws Error when rows are out of order: reading on would never end. */
export function placeAfter(rows: readonly RawRow[], before: number, newest = false): number {
  const last = rows.at(-1)?.seq ?? before;
  if (rows.length > 0 && (newest ? last >= before : last <= before))
    throw new Error('it is damaged: its rows are out of order');
  return last;
}
