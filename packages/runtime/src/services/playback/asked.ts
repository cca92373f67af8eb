import { UsageError, VigiaError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';

/** What a request asks for. */
export interface Asked {
  readonly camera: string;
  /** Such as `clip.mp4`. */
  readonly what: string;
  readonly parameters: Parameters;
  /** JSON of a POST. */
  readonly body?: unknown;
}

/** Longest range of a clip. */
const LONGEST_MS = 24 * 3_600_000;
/** The largest time that a date can have. */
const TIME_LIMIT = 8.64e15;
const PATH = /^\/([^/]{1,63})\/([a-z0-9.]{1,20})$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const MILLISECONDS = /^\d{1,16}(?:\.\d{1,6})?$/;
const WHOLE = /^\d{1,15}$/;

/** Reads the target of a request. @throws UsageError, VigiaError `not_found` */
export function readTarget(target: string): Asked {
  const at = target.indexOf('?');
  const [, camera = '', what = ''] = PATH.exec(at < 0 ? target : target.slice(0, at)) ?? [];
  if (what === '') throw new VigiaError('not_found', 'there is no such page; one is /{camera}/clip.mp4?from=…&to=…');
  if (!ID_PATTERN.test(camera)) throw new UsageError('the path: a camera is 1 to 63 of a-z, 0-9, _ and -');
  return { camera, what, parameters: new Parameters(at < 0 ? '' : target.slice(at + 1)) };
}

/** The parameters of a request. */
export class Parameters {
  readonly #values: URLSearchParams;

  constructor(query: string) {
    this.#values = new URLSearchParams(query);
  }

  /** Allows these parameters, each once. @throws UsageError */
  allow(names: readonly string[]): this {
    const seen = new Set<string>();
    for (const name of this.#values.keys()) {
      const shown = JSON.stringify(name.slice(0, 40));
      if (!names.includes(name)) throw new UsageError(`${shown} is no parameter here; allowed: ${names.join(', ')}`);
      if (seen.has(name)) throw new UsageError(`${shown} is there twice`);
      seen.add(name);
    }
    return this;
  }

  /** A wall time, milliseconds since 1970. @throws UsageError */
  time(name: string): number {
    // A plus sign of a time zone, unescaped, is a space in a query.
    const text = (this.#values.get(name) ?? '').replace(' ', '+');
    const ms = MILLISECONDS.test(text) ? Number(text) : TIME.test(text) ? Date.parse(text) : Number.NaN;
    if (ms >= 0 && ms <= TIME_LIMIT) return ms;
    throw new UsageError(
      `${name}: a time such as 2026-11-23T14:05:00Z, or milliseconds since 1970, not ${JSON.stringify(text.slice(0, 40))}`,
    );
  }

  /** A range of time, `to` behind `from`. @throws UsageError */
  range(): { readonly fromMs: number; readonly toMs: number } {
    const [fromMs, toMs] = [this.time('from'), this.time('to')];
    if (toMs <= fromMs) throw new UsageError('to: must be later than from');
    if (toMs - fromMs > LONGEST_MS) throw new UsageError('to: at most 24 hours later than from; ask in parts');
    return { fromMs, toMs };
  }

  /** A whole number, 0 to 10^15. @throws UsageError */
  whole(name: string): number {
    const text = this.#values.get(name) ?? '';
    if (WHOLE.test(text)) return Number(text);
    throw new UsageError(`${name}: a whole number, not ${JSON.stringify(text.slice(0, 40))}`);
  }
}
