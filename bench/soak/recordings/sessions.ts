import type { Sent } from './recorded-camera.ts';

/** A process was killed that holds the connections to all cameras, or started again. Monotonic milliseconds. */
export interface Kill {
  readonly atMs: number;
  readonly of: 'recorder' | 'supervisor';
}

/** What became of one session's units. */
export interface SessionVerdict {
  readonly camera: string;
  readonly units: number;
  /** The kill that ended it; undefined: it ended with the run. */
  readonly kill: Kill | undefined;
  /** At its end: units that were sent before the kill and are not recorded, and since when. */
  readonly lostAtEnd: number;
  readonly lostMs: number;
  /** Before its last recorded unit: must be 0. */
  readonly lostInside: number;
  /** From the kill that came before it to its first recorded unit; undefined for the first. Milliseconds. */
  readonly reconnectMs: number | undefined;
}

/** A session's last unit comes at most so much after the kill, or before it. Milliseconds. */
const NEAR_MS = 1_500;

/** Sessions of one camera, in order. */
export function sessionsOf(sent: readonly Sent[]): Sent[][] {
  const sessions = new Map<string, Sent[]>();
  for (const unit of sent) {
    const units = sessions.get(unit.session) ?? [];
    if (units.length === 0) sessions.set(unit.session, units);
    units.push(unit);
  }
  return [...sessions.values()];
}

/** Judges what is recorded of each session. @param untilMs Units that were sent later do not count: the node was stopping. */
export function judgeSessions(
  camera: string,
  sent: readonly Sent[],
  recorded: ReadonlySet<bigint>,
  kills: readonly Kill[],
  untilMs: number,
): SessionVerdict[] {
  let lastKill: Kill | undefined;
  return sessionsOf(sent.filter(({ atMs }) => atMs < untilMs)).map((units, i, all) => {
    const endMs = units.at(-1)?.atMs ?? 0;
    const isLast = i === all.length - 1;
    // The last one ends with the run.
    const kill = isLast ? undefined : killAt(endMs, kills);
    const alive = kill ? units.filter(({ atMs }) => atMs < kill.atMs) : units;
    const last = alive.findLastIndex(({ mark }) => recorded.has(mark));
    const lostInside = alive.slice(0, Math.max(0, last)).filter(({ mark }) => !recorded.has(mark)).length;
    const tail = alive.slice(last + 1);
    const first = units.find(({ mark }) => recorded.has(mark));
    const reconnectMs = lastKill && first ? first.atMs - lastKill.atMs : undefined;
    lastKill = kill;
    const lostMs = tail[0] ? (kill?.atMs ?? untilMs) - tail[0].atMs : 0;
    return { camera, units: units.length, kill, lostAtEnd: tail.length, lostMs, lostInside, reconnectMs };
  });
}

/** The kill that is nearest to the end of a session. */
function killAt(endMs: number, kills: readonly Kill[]): Kill | undefined {
  const distance = (kill: Kill): number => Math.abs(kill.atMs - endMs);
  return kills.filter((kill) => distance(kill) < NEAR_MS).toSorted((a, b) => distance(a) - distance(b))[0];
}

/** What must not be of verdicts, a sentence each. @param mostMs What a kill of a recorder may cost before it. */
export function wrongOf(verdicts: readonly SessionVerdict[], mostMs: number): string[] {
  return verdicts.flatMap(({ camera, kill, units, lostAtEnd, lostMs, lostInside }, i) => {
    const of = `camera ${camera}, a session of ${units} units`;
    const isLast = verdicts[i + 1]?.camera !== camera;
    return [
      ...(lostInside > 0 ? [`${of}: ${lostInside} units are missing before its last recorded one`] : []),
      ...(!kill && !isLast ? [`${of}: its connection ended though no recorder was killed`] : []),
      ...(!kill && lostAtEnd > 0 ? [`${of}: its last ${lostAtEnd} units are missing, and nothing was killed`] : []),
      ...(kill && lostMs > mostMs
        ? [
            `${of}: ${lostAtEnd} units of the last ${lostMs.toFixed(0)} ms before the kill of the ${kill.of} are missing`,
          ]
        : []),
    ];
  });
}
