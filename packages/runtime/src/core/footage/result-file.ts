import { ID_PATTERN } from '@vigia/contracts';
import { dayOf, isFootageDay } from './footage-name.ts';

/** What the name of a file of results says. */
export interface ResultFileName {
  readonly camera: string;
  /** Beginning of the hour of its results, UTC, milliseconds since 1970. */
  readonly hourMs: number;
}

/** A line of such a file, as far as it must be understood to be found. */
export interface ResultLine {
  /** `captured_at`, milliseconds since 1970. */
  readonly atMs: number;
  /** The whole result. It comes from a file: any JSON. */
  readonly result: Readonly<Record<string, unknown>>;
}

/** What a file of results has in its name, milliseconds. */
export const RESULT_FILE_MS = 3_600_000;
/** Longest line of such a file, with its end. Bytes. */
export const RESULT_LINE_LIMIT: number = 128 * 1024;
const FILE = /^([01]\d|2[0-3])0000000\.results\.jsonl$/;
/** Longest text that is read as a time, characters. */
const TIME_LIMIT = 40;

/** Beginning of the hour of a wall time. */
export function hourOf(wallMs: number): number {
  return Math.floor(wallMs / RESULT_FILE_MS) * RESULT_FILE_MS;
}

/** The path of a file of results in a footage directory: `hall/2026-11-23/140000000.results.jsonl`. */
export function resultPath({ camera, hourMs }: ResultFileName): string {
  return `${camera}/${dayOf(hourMs)}/${new Date(hourMs).toISOString().slice(11, 13)}0000000.results.jsonl`;
}

/** What a path in a footage directory says; undefined for a file that holds no results. */
export function parseResultPath(path: string): ResultFileName | undefined {
  const [camera = '', day = '', file = '', ...more] = path.split('/');
  const [, hour] = FILE.exec(file) ?? [];
  if (hour === undefined || more.length > 0 || !ID_PATTERN.test(camera) || !isFootageDay(day)) return undefined;
  return { camera, hourMs: Date.parse(`${day}T${hour}:00:00.000Z`) };
}

/** A line of a camera's results; undefined for one that is cut, damaged, or of another camera. */
export function parseResultLine(line: string, camera: string): ResultLine | undefined {
  try {
    const result: unknown = JSON.parse(line);
    if (!isRecord(result) || result['camera'] !== camera) return undefined;
    const at = result['captured_at'];
    const atMs = typeof at === 'string' && at.length <= TIME_LIMIT ? Date.parse(at) : Number.NaN;
    return Number.isNaN(atMs) ? undefined : { atMs, result };
  } catch {
    // A process that was killed leaves half a line.
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LINE_END = 10;

/** Cuts the bytes of a file of results into lines, in bounded memory. A line that is too long is left out. */
export class ResultLines {
  /** Of the line that is not complete yet. Empty when that is too long. */
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param chunk May be used again afterwards. @returns the lines that are complete now, without their ends. */
  push(chunk: Uint8Array): string[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: string[] = [];
    let from = 0;
    for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, from)) {
      const line = this.#end(bytes.subarray(from, at));
      if (line !== undefined && line !== '') lines.push(line);
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
    return lines;
  }

  #end(last: Buffer): string | undefined {
    const fits = this.#bytes + last.byteLength < RESULT_LINE_LIMIT;
    const line = fits ? Buffer.concat([...this.#parts, last]).toString('utf8') : undefined;
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }

  #keep(bytes: Buffer): void {
    if (bytes.byteLength === 0) return;
    this.#bytes += bytes.byteLength;
    if (this.#bytes < RESULT_LINE_LIMIT) this.#parts.push(Buffer.from(bytes));
    else this.#parts = [];
  }
}
