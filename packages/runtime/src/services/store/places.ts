import type { Database } from 'libsql';
import { textOf } from './checksum.ts';

/** A reader and its place. */
export interface Place {
  readonly name: string;
  readonly seq: number;
  readonly sum: number | null;
}

/** The places of all readers. @param sum The column of checksums, or an expression in a file that has none. */
export function placesIn(database: Database, sum: 'CAST(sum AS INTEGER)' | 'NULL' = 'CAST(sum AS INTEGER)'): Place[] {
  const rows = database
    .prepare(`SELECT CAST(name AS BLOB) AS name, CAST(seq AS INTEGER) AS seq, ${sum} AS sum FROM cursor`)
    .all() as readonly (Omit<Place, 'name'> & { readonly name: Buffer | null })[];
  return rows.map(({ name, seq, sum: its }) => ({ name: textOf(name) ?? '', seq, sum: its }));
}
