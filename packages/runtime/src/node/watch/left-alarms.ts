import { EVENTS_LIMIT, type EventQuery, type NodeEvent, type NodeEventOf } from '@vigia/contracts';
import { type RuleNotice, visitedZone } from '#core/camera-link';

/** Alarms that an earlier run left open are looked for this far back: those that nobody has acknowledged are repeated far more often. Milliseconds. */
const LOOK_BACK_MS = 6 * 3_600_000;
/** Events that are read: alarms of 32 cameras, repeated every 10 s, twice. */
const MOST_EVENTS = 150_000;

/** An alarm that an earlier run of the node left open. */
export interface LeftAlarm {
  readonly camera: string;
  /** As last reported. */
  readonly notice: RuleNotice;
  /** The event that began it, and when. Wall time, milliseconds since 1970. */
  readonly first: string;
  readonly startedMs: number;
  /** When it was last reported. Wall time, milliseconds since 1970. */
  readonly atMs: number;
}

type Read = (query: EventQuery) => Promise<readonly NodeEvent[]>;

/**
 * Alarms about people that the store has a beginning of and no end. Rejects as the store does.
 *
 * @param wallMs Now.
 * @param onTooMany There are more events than are read: alarms may be missing, or over.
 */
export async function leftAlarms(read: Read, wallMs: number, onTooMany: () => void): Promise<LeftAlarm[]> {
  const open = new Map<string, LeftAlarm>();
  let after: string | undefined;
  for (let count = 0; count < MOST_EVENTS; count += EVENTS_LIMIT) {
    const query = { kinds: ['fall', 'bed', 'visit'], fromMs: wallMs - LOOK_BACK_MS, after, limit: EVENTS_LIMIT };
    const events = await read(query);
    for (const event of events) {
      const { id, subject, camera, phase, at } = event;
      const notice = noticeOf(event);
      if (!notice || subject === null || camera === null || phase === null) continue;
      const atMs = Date.parse(at);
      const before = phase === 'start' ? undefined : open.get(subject);
      open.delete(subject);
      const { first = id, startedMs = atMs } = before ?? {};
      if (phase !== 'end') open.set(subject, { camera, notice, first, startedMs, atMs });
    }
    after = events.at(-1)?.id;
    if (events.length < EVENTS_LIMIT) return [...open.values()];
  }
  onTooMany();
  return [...open.values()];
}

/** The inverse of `ruleSubject` and `Announcer.rule`; undefined for what none of them made. */
function noticeOf(event: NodeEvent): RuleNotice | undefined {
  const { camera, subject, consumer } = event;
  if (subject === null || consumer === null || !subject.startsWith(`${camera}/`)) return undefined;
  const who = subject.slice(`${camera}/`.length);
  if (event.kind === 'fall') return fallOf(event, who, consumer);
  if (event.kind === 'visit') {
    const zone = visitedZone(camera ?? '', subject);
    return zone === undefined
      ? undefined
      : { kind: 'visit', zone, phase: event.phase, from: consumer, data: event.data };
  }
  if (event.kind !== 'bed') return undefined;
  return { kind: 'bed', zone: who, phase: event.phase, from: consumer, data: event.data };
}

function fallOf({ phase, data }: NodeEventOf<'fall'>, who: string, from: string): RuleNotice | undefined {
  const [, number] = /^person-(\d{1,9})$/.exec(who) ?? [];
  if (number === undefined || phase === null) return undefined;
  return { kind: 'fall', person: Number(number), phase, from, data };
}
