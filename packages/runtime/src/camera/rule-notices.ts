import type { BedNotice, FallNotice, VisitNotice } from '#core/camera-link';
import type { FallChange } from '@vigia/rules';
import type { BedReport, FallNews, VisitReport } from '#services/rules';

/** What the fall rule says, in a sentence and with its numbers. */
export function fallNotice(camera: string, consumer: string, { change, capturedWallMs, ageMs }: FallNews): FallNotice {
  const { person, phase, state, reason, downMs, evidence, bbox } = change;
  return {
    kind: 'fall',
    person,
    phase,
    from: consumer,
    data: {
      state,
      reason,
      message: sentence(camera, change),
      captured_at: new Date(capturedWallMs).toISOString(),
      age_ms: Math.max(0, Math.round(ageMs)),
      down_ms: Math.round(downMs),
      evidence: {
        drop: evidence.drop === undefined ? null : rounded(evidence.drop),
        shape: rounded(evidence.shape),
        body_height: rounded(evidence.bodyHeight),
        sightings: evidence.sightings,
        looks: evidence.looks,
      },
      bbox,
    },
  };
}

function sentence(camera: string, { phase, state, reason, downMs, evidence }: FallChange): string {
  const seconds = (downMs / 1000).toFixed(1);
  const who = reason === 'fall' ? 'who fell' : 'who lay on the floor';
  const did = reason === 'fall' ? 'fell' : 'lies on the floor';
  const seen = `seen down ${times(evidence.sightings)}`;
  const why =
    evidence.drop === undefined
      ? seen
      : `the top of the body fell by ${evidence.drop.toFixed(1)} body heights, ${seen}`;
  if (phase === 'start' && state === 'down')
    return reason === 'fall'
      ? `somebody fell in ${camera}: down for ${seconds} s; ${why}`
      : `somebody lies on the floor in ${camera} for ${seconds} s; ${why}`;
  if (phase === 'start') return `somebody ${did} in ${camera}, and then results stopped: ${why}`;
  switch (state) {
    case 'down':
      return `somebody ${who} in ${camera} was not seen to get up, for ${seconds} s`;
    case 'blind':
      return `somebody ${did} in ${camera}, and now nothing is seen: results stopped`;
    case 'recovered':
      return `the person ${who} in ${camera} is upright again, after ${seconds} s`;
    default:
      return `the person ${who} in ${camera} has not been seen for long`;
  }
}

/** What the bed rule says. */
export function bedNotice(camera: string, zone: string, consumer: string, report: BedReport): BedNotice {
  const { phase, state, reason, sinceMs, awayMs, capturedWallMs, ageMs, bbox } = report;
  return {
    kind: 'bed',
    zone,
    phase,
    from: consumer,
    data: {
      state,
      reason,
      message: bedSentence(camera, zone, report),
      captured_at: new Date(capturedWallMs).toISOString(),
      age_ms: rounded(ageMs, 1),
      since_ms: sinceMs === undefined ? null : rounded(sinceMs, 1),
      away_ms: awayMs === undefined ? null : rounded(awayMs, 1),
      bbox,
    },
  };
}

function bedSentence(camera: string, zone: string, { phase, state, reason, awayMs = 0 }: BedReport): string {
  const away = shortTime(awayMs);
  const place = `${zone} in ${camera}`;
  if (phase === 'end') return state === 'edge' ? `back on the edge of ${place}` : `back in ${place}`;
  const leaving = {
    sitting: `sat up in ${place}`,
    edge: `sat on the edge of ${place}`,
    out: `got out of ${place}`,
    away: `has been out of ${place} for ${away}`,
  }[reason ?? 'out'];
  if (state === 'blind')
    return reason
      ? `somebody ${leaving}, and now nothing is seen: results stopped`
      : `nothing is seen of ${place}: results stopped`;
  if (state === 'unknown')
    return reason ? `somebody ${leaving}, and is not seen now` : `nobody was seen to get in or out of ${place}`;
  if (state === 'out') return `somebody ${reason === 'away' ? leaving : `got out of ${place}`}`;
  return state === 'edge'
    ? `somebody sits on the edge of ${place}`
    : `somebody ${state === 'in' ? 'is' : 'sits up'} in ${place}`;
}

/** What the visits to a zone say. */
export function visitNotice(camera: string, consumer: string, report: VisitReport): VisitNotice {
  const { zone, phase, state, reason, people, visit, unseenMs, capturedWallMs, ageMs, bbox } = report;
  return {
    kind: 'visit',
    zone,
    phase,
    from: consumer,
    data: {
      state,
      reason,
      message: visitSentence(camera, report),
      captured_at: new Date(capturedWallMs).toISOString(),
      age_ms: rounded(ageMs, 1),
      people,
      visit: visit
        ? {
            entered_at: new Date(visit.enteredMs).toISOString(),
            last_seen_at: new Date(visit.lastSeenMs).toISOString(),
            most_people: visit.most,
          }
        : null,
      unseen_ms: rounded(unseenMs, 1),
      bbox,
    },
  };
}

function visitSentence(camera: string, report: VisitReport): string {
  const { zone, phase, state, reason, people, wasOccupied, visit, unseenMs } = report;
  const place = `${zone} in ${camera}`;
  if (reason === 'crowded' && phase === 'end') return `there are fewer people in ${place} now`;
  if (reason === 'empty' && state !== 'occupied') {
    const unseen = `nobody has been seen in ${place} for ${shortTime(unseenMs)}`;
    return state === 'blind' ? `${unseen}; nothing is known now: results stopped, or began just now` : unseen;
  }
  switch (state) {
    case 'occupied':
      if (people === 0) return `somebody was seen in ${place} just now, and not to leave`;
      return people > 1 ? `${people} people are in ${place}` : `somebody is in ${place}`;
    case 'blind':
      return `it is not known who is in ${place}: results stopped, or began just now`;
    default: {
      if (!wasOccupied || visit === undefined) return `nobody is seen in ${place}`;
      const most = visit.most > 1 ? `, ${visit.most} people at most` : '';
      return `nobody is seen in ${place} any more: somebody was, for ${shortTime(visit.lastSeenMs - visit.enteredMs)}${most}`;
    }
  }
}

/** `12 s`, `15 min`. */
function shortTime(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** @param parts Of a whole that are kept. */
function rounded(value: number, parts = 100): number {
  return Number.isFinite(value) ? Math.round(Math.max(0, value) * parts) / parts : 0;
}
