import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Room for a number and a checksum. */
const BYTES = 32;

/**
 * The place of the last stored event, written beside the store after each transaction. A log of SQLite that lost its end looks like one
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
  read(): number | undefined {
    try {
      const [seq = '', sum = ''] = readFileSync(this.#path, 'latin1').trimEnd().split(' ');
      return sum === sumOf(seq) ? Number(seq) : undefined;
    } catch {
      // There is none.
      return undefined;
    }
  }

  /** Always the same bytes of the file: a full disk does not mind. */
  write(seq: number): void {
    const line = `${seq} ${sumOf(String(seq))}`.padEnd(BYTES - 1);
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

function sumOf(seq: string): string {
  return crc32(seq).toString(16);
}
