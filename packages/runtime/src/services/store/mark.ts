import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** What a store had reached. */
export interface Reached {
  /** The place of the last stored event. */
  readonly stored: number;
  /** The places of all readers, added up. */
  readonly read: number;
}

/** Room for two numbers and a checksum. */
const BYTES = 64;

/**
 * How far a store has come, written beside the store after each transaction. A log of SQLite that lost its end looks like one
 * that was never longer: only a second witness shows that events are missing. Never an obstacle: without a mark that
 * can be read, nothing is missed.
 */
export class Mark {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when nothing is known. */
  read(): Reached | undefined {
    try {
      const [stored = '', read = '', sum = ''] = readFileSync(this.#path, 'latin1').trimEnd().split(' ');
      return sum === sumOf(`${stored} ${read}`) ? { stored: Number(stored), read: Number(read) } : undefined;
    } catch {
      // There is none.
      return undefined;
    }
  }

  /** Overwrites the same bytes, so it also works on a full disk. */
  write({ stored, read }: Reached): void {
    const text = `${stored} ${read}`;
    const line = `${text} ${sumOf(text)}`.padEnd(BYTES - 1);
    try {
      this.#file ??= openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      writeSync(this.#file, `${line}\n`, 0, 'latin1');
    } catch {
      this.close();
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function sumOf(text: string): string {
  return crc32(text).toString(16);
}
