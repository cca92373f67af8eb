import { printableJson } from '@vigia/base';
import { BEFORE_ALL_EVENTS, type NodeEvent } from '@vigia/contracts';
import type { ResultLine } from '#core/footage';

/** Events of a full page: see {@link SidecarSources}. */
export const EVENTS_PAGE: number = 500;

/** Where the content of a sidecar comes from: events and results of one camera, in the time of one clip. */
export interface SidecarSources {
  /** Events stored after this id, oldest first: {@link EVENTS_PAGE} of them, or fewer when there are no more. */
  readonly events: (after: string) => Promise<readonly NodeEvent[]>;
  /** In order of capture. */
  readonly results: AsyncIterable<readonly ResultLine[]>;
}

/** A line of a sidecar. */
export interface SidecarLine {
  readonly type: 'clip' | 'event' | 'result';
  /** JSON, with the end of its line. */
  readonly text: string;
}

interface Entry extends SidecarLine {
  readonly atMs: number;
}

/**
 * What happened in a clip, one JSON per line: the facts of the clip, then events and results in order of time. Holds one page
 * of events and what the results give at once.
 *
 * @param clip Its facts, as `clip.json` has them.
 * @throws what the sources throw.
 */
export async function* sidecarLines(
  camera: string,
  clip: object,
  { events, results }: SidecarSources,
): AsyncGenerator<SidecarLine> {
  yield { type: 'clip', text: `${printableJson({ type: 'clip', camera, ...clip })}\n` };
  yield* inOrder(eventsIn(events), resultsIn(results));
}

async function* eventsIn(page: SidecarSources['events']): AsyncGenerator<Entry> {
  let after = BEFORE_ALL_EVENTS;
  for (;;) {
    const events = await page(after);
    // Stored in order of their announcement: what happened in the same instant may be reversed.
    yield* events
      .map((event) => entry(Date.parse(event.at), 'event', { type: 'event', event }))
      .sort((a, b) => a.atMs - b.atMs);
    const last = events.at(-1);
    if (!last || events.length < EVENTS_PAGE) return;
    after = last.id;
  }
}

async function* resultsIn(results: AsyncIterable<readonly ResultLine[]>): AsyncGenerator<Entry> {
  for await (const some of results)
    for (const one of some) {
      const line = resultEntry(one);
      if (line) yield line;
    }
}

function resultEntry({ atMs, result }: ResultLine): Entry | undefined {
  try {
    return entry(atMs, 'result', { type: 'result', result });
  } catch {
    // A file may hold JSON of so many levels that it cannot be written again: no worker's data does.
    return undefined;
  }
}

function entry(atMs: number, type: Entry['type'], content: object): Entry {
  return { atMs, type, text: `${printableJson(content)}\n` };
}

/** Two streams, each in order, as one. */
async function* inOrder(one: AsyncGenerator<Entry>, other: AsyncGenerator<Entry>): AsyncGenerator<Entry> {
  try {
    let [a, b] = [await one.next(), await other.next()];
    while (!a.done || !b.done) {
      if (!a.done && (b.done || a.value.atMs <= b.value.atMs)) {
        yield a.value;
        a = await one.next();
      } else if (!b.done) {
        yield b.value;
        b = await other.next();
      }
    }
  } finally {
    await Promise.all([one.return(undefined), other.return(undefined)]);
  }
}
