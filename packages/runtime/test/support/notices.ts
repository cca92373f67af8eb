import type { BedNotice, FallNotice, VisitNotice } from '#core/camera-link';

/** Somebody has fallen, and lies. */
export const FALL: FallNotice = {
  kind: 'fall',
  person: 3,
  phase: 'start',
  from: 'people',
  data: {
    state: 'down',
    reason: 'fall',
    message: 'person-3 fell and lies',
    captured_at: '2026-11-22T03:14:07.123Z',
    age_ms: 200,
    down_ms: 3_000,
    evidence: { drop: 0.7, shape: 2.1, body_height: 0.4, sightings: 9, looks: 2 },
    bbox: [0.1, 0.6, 0.5, 0.8],
  },
};

/** Somebody is in bed. */
export const BED: BedNotice = {
  kind: 'bed',
  zone: 'bed',
  phase: null,
  from: 'people',
  data: {
    state: 'in',
    reason: null,
    message: 'somebody is in bed',
    captured_at: '2026-11-22T03:14:07.123Z',
    age_ms: 200,
    since_ms: 3_000,
    away_ms: null,
    bbox: null,
  },
};

/** Somebody is in the kitchen, and should not be. */
export const VISIT: VisitNotice = {
  kind: 'visit',
  zone: 'kitchen',
  phase: 'start',
  from: 'people',
  data: {
    state: 'occupied',
    reason: 'occupied',
    message: 'somebody is in kitchen in hall',
    captured_at: '2026-11-22T03:14:07.123Z',
    age_ms: 200,
    people: 1,
    visit: { entered_at: '2026-11-22T03:14:06.123Z', last_seen_at: '2026-11-22T03:14:07.123Z', most_people: 1 },
    unseen_ms: 200,
    bbox: [0.1, 0.3, 0.2, 0.8],
  },
};
