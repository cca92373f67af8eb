import type { Bbox } from '@vigia/contracts';
import { type Body, distance } from '../body.ts';

/** Somebody in a zone comes or goes. `unknown`: nobody has looked for long enough to say that nobody is there. */
export type VisitState = 'unknown' | 'occupied' | 'empty';

/** From the first one who came in until the last one was gone. Capture times, monotonic milliseconds. */
export interface Visit {
  readonly enteredMs: number;
  readonly lastSeenMs: number;
  /** How many there were at once, at most. */
  readonly most: number;
}

/** What is known of a zone after the newest result. */
export interface VisitView {
  readonly state: VisitState;
  /** Since when; of `empty`: since somebody was last seen. Capture time, monotonic milliseconds. */
  readonly sinceMs: number;
  /** How many people are there now. */
  readonly people: number;
  /** The one that goes on, or the newest one; undefined: nobody has come. */
  readonly visit: Visit | undefined;
  /** Where somebody was last seen in it; undefined: nobody was. */
  readonly bbox: Bbox | undefined;
}

/** Somebody in a picture, and where they touch the ground. */
export interface Seen {
  /** Number of the track. */
  readonly id: number;
  readonly bbox: Bbox;
  readonly body: Body;
  readonly isSure: boolean;
  /** The first picture that shows them. */
  readonly first: { readonly atMs: number; readonly body: Body };
}

/** Who is seen in the zone, or outside of it, for so long and twice has come or gone. Milliseconds. */
const TURN_MS = 400;
/** Detectors lose people who sit still or stand behind something: who is not seen in a zone is there for so long. Milliseconds with results. */
const LOST_MS = 10_000;
/** Boxes that are not sure may be of a coat on a chair: alone they keep somebody there for so long. Milliseconds with results. */
const UNSURE_MS = 60_000;
/** The last one has left for so long: who stands on the border does not come and go all the time. Milliseconds with results. */
const LEFT_MS = 2_000;
/** Within this time the second sighting of somebody comes, or they were none. Milliseconds. */
const PROOF_MS = 1_000;

/** Times of a result: capture time, and time with results so far. Milliseconds. */
interface Now {
  readonly atMs: number;
  readonly lookedMs: number;
}

/** Somebody who was seen in the zone. */
interface Guest {
  readonly firstMs: number;
  body: Body;
  seenMs: number;
  /** The same, of the time with results; and when they were last surely seen. */
  lookedMs: number;
  sureMs: number;
  /** Was first seen in the zone: may have been there before. */
  readonly appeared: boolean;
  /** Has come: before, may only pass through the edge of it. */
  isIn: boolean;
  /** Since when it is seen outside. */
  outMs: number | undefined;
  /** Not followed any more. */
  isLost: boolean;
}

/** Who is in one zone. */
export class ZoneVisit {
  #guests = new Map<number, Guest>();
  #state: VisitState = 'unknown';
  #sinceMs = 0;
  #visit: Visit | undefined;
  #bbox: Bbox | undefined;
  /** The first result since the state is unknown. */
  #first: Now | undefined;
  /** When somebody last stepped out, of the time with results. */
  #leftMs: number | undefined;

  get view(): VisitView {
    const people = [...this.#guests.values()].filter(({ isIn, isLost }) => isIn && !isLost).length;
    return { state: this.#state, sinceMs: this.#sinceMs, people, visit: this.#visit, bbox: this.#bbox };
  }

  /** @param lost Whom the tracker does not follow any more, and whether the picture’s edge is where they were. */
  see(
    now: Now,
    seen: readonly Seen[],
    lost: readonly { readonly id: number; readonly left: boolean }[],
    isInside: (body: Body) => boolean,
  ): void {
    this.#first ??= now;
    for (const { id, left } of lost) this.#lose(id, left);
    for (const one of seen) {
      if (isInside(one.body)) this.#inside(now, one, isInside);
      else if (one.isSure) this.#outside(now, one.id);
    }
    for (const [id, { lookedMs }] of this.#guests) if (now.lookedMs - lookedMs >= LOST_MS) this.#guests.delete(id);
    this.#turn(now);
  }

  blind(): void {
    this.#guests.clear();
    this.#state = 'unknown';
    this.#first = undefined;
    this.#leftMs = undefined;
  }

  #lose(id: number, left: boolean): void {
    const guest = this.#guests.get(id);
    if (!guest) return;
    guest.isLost = true;
    if (left || !guest.isIn) this.#guests.delete(id);
  }

  #inside({ atMs, lookedMs }: Now, seen: Seen, isInside: (body: Body) => boolean): void {
    const { id, body, bbox, isSure, first } = seen;
    const known = this.#guests.get(id);
    // A box that is not sure shows that somebody is still there, not where.
    if (!known && !isSure) return;
    // A tracker follows nobody before the second sighting.
    const appeared = atMs - first.atMs <= PROOF_MS && isInside(first.body);
    const guest = known ?? this.#newGuest(seen, appeared ? first.atMs : atMs, appeared);
    if (isSure) guest.sureMs = lookedMs;
    else if (lookedMs - guest.sureMs > UNSURE_MS) return;
    guest.seenMs = atMs;
    guest.lookedMs = lookedMs;
    if (!isSure) return;
    guest.body = body;
    guest.outMs = undefined;
    if (!guest.isIn && atMs - guest.firstMs >= TURN_MS) this.#comeIn(guest);
    if (guest.isIn) this.#bbox = bbox;
  }

  #newGuest({ id, body }: Seen, firstMs: number, appeared: boolean): Guest {
    const guest = {
      firstMs,
      body,
      seenMs: firstMs,
      lookedMs: 0,
      sureMs: 0,
      appeared,
      isIn: false,
      outMs: undefined,
      isLost: false,
    };
    this.#guests.set(id, guest);
    return guest;
  }

  /** Who was lost here, and is found again, is not one more. Who walks in is. */
  #comeIn(guest: Guest): void {
    guest.isIn = true;
    if (!guest.appeared) return;
    const [nearest] = [...this.#guests]
      .filter(([, { isLost }]) => isLost)
      .sort(([, a], [, b]) => distance(a.body, guest.body) - distance(b.body, guest.body));
    if (nearest) this.#guests.delete(nearest[0]);
  }

  #outside({ atMs, lookedMs }: Now, id: number): void {
    const guest = this.#guests.get(id);
    if (!guest) return;
    guest.outMs ??= atMs;
    if (guest.isIn && atMs - guest.outMs < TURN_MS) return;
    this.#guests.delete(id);
    if (guest.isIn) this.#leftMs = lookedMs;
  }

  #turn({ lookedMs }: Now): void {
    const inside = [...this.#guests.values()].filter(({ isIn }) => isIn);
    if (inside.length > 0) this.#occupied(inside);
    else if (this.#state === 'occupied') {
      if (this.#leftMs !== undefined && lookedMs - this.#leftMs < LEFT_MS) return;
      this.#state = 'empty';
      this.#sinceMs = (this.#visit as Visit).lastSeenMs;
    } else if (this.#state === 'unknown' && this.#first && lookedMs - this.#first.lookedMs >= LOST_MS) {
      this.#state = 'empty';
      this.#sinceMs = this.#first.atMs;
    }
  }

  #occupied(inside: readonly Guest[]): void {
    const enteredMs = Math.min(...inside.map(({ firstMs }) => firstMs));
    const lastSeenMs = Math.max(...inside.map(({ seenMs }) => seenMs));
    const people = inside.filter(({ isLost }) => !isLost).length;
    const before = this.#state === 'occupied' ? this.#visit : undefined;
    this.#visit = {
      enteredMs: before?.enteredMs ?? enteredMs,
      lastSeenMs: Math.max(before?.lastSeenMs ?? lastSeenMs, lastSeenMs),
      most: Math.max(before?.most ?? 0, people),
    };
    if (before) return;
    this.#state = 'occupied';
    this.#sinceMs = enteredMs;
  }
}
