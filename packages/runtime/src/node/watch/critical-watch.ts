import type { Clock } from '@vigia/base';
import type { CameraReport, CameraStateMessage, HealthProblem, ResultMessage } from '@vigia/contracts';
import type { Plan } from '#node/plan';

/** A critical consumer is blind after this time, or after so many of its turns, without an ok result. */
const BLIND = { ms: 10_000, turns: 3 } as const;
/** Who is blind again within so long after seeing sees only now and then. Milliseconds. */
const AGAIN_MS = 60_000;

/** A critical consumer that gives no answers. */
export interface Blind extends HealthProblem {
  readonly camera: string;
  readonly consumer: string;
}

/** A camera now. */
export interface WatchedCamera {
  readonly report: CameraReport;
  /** Why it is in its state, for people. */
  readonly message: string | null;
}

/** What came from one consumer. Monotonic milliseconds. */
class Answers {
  /** The last ok result; before there is one, when this was made. */
  seenMs: number;
  ever = false;
  /** Its worker had failed until then: somebody knew that it sees nothing. */
  failedMs = Number.NEGATIVE_INFINITY;
  /** What came since then instead. */
  failure: string | undefined;
  blind = false;
  /** It was blind a moment before: one answer does not end it. */
  again = false;
  #steadySinceMs: number | undefined;
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.seenMs = nowMs;
  }

  look(nowMs: number, limitMs: number): void {
    const silent = nowMs - Math.max(this.seenMs, this.failedMs) >= limitMs;
    if (silent) {
      this.#steadySinceMs = undefined;
      if (!this.blind) this.again = nowMs - this.#endedMs < AGAIN_MS;
      this.blind = true;
      return;
    }
    if (!this.blind) return;
    this.#steadySinceMs ??= this.seenMs;
    if (this.again && this.seenMs - this.#steadySinceMs < limitMs) return;
    this.blind = false;
    this.#endedMs = nowMs;
  }
}

/** Derives from the answers of critical consumers which of them are blind. What their camera does is only the reason. */
export class CriticalWatch {
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answers>();
  /** By camera, of those that are not live: the first state since then that had a sentence. It says what happened. */
  readonly #causes = new Map<string, Pick<CameraStateMessage, 'state' | 'message'>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a result of any consumer. */
  record({ camera, consumer, status, error }: Pick<ResultMessage, 'camera' | 'consumer' | 'status' | 'error'>): void {
    const answers = this.#answersOf(`${camera}/${consumer}`);
    if (status === 'ok') {
      answers.seenMs = this.#clock.nowMs();
      answers.ever = true;
      answers.failure = undefined;
    } else answers.failure = error === null ? status : `${status}, ${error.message}`;
  }

  /**
   * Critical consumers without an ok result for 10 s, or for 3 turns of a slow one. One whose worker has failed does not become
   * blind: it has an alarm of its own. Call it about once a second.
   */
  blind(plan: Plan, cameraOf: (camera: string) => WatchedCamera | undefined): Blind[] {
    this.#forget(plan);
    const nowMs = this.#clock.nowMs();
    return plan.cameras.flatMap(({ camera, consumers }) => {
      const seen = cameraOf(camera);
      this.#note(camera, seen);
      return consumers.flatMap(({ id, sla, fps }) => {
        if (sla !== 'critical') return [];
        const answers = this.#answersOf(`${camera}/${id}`);
        if (!answers.blind && seen?.report.consumers[id]?.state === 'failed') answers.failedMs = nowMs;
        answers.look(nowMs, Math.max(BLIND.ms, fps === undefined ? 0 : (BLIND.turns * 1000) / fps));
        if (!answers.blind) return [];
        const message = `${camera}/${id}: critical, and ${sinceWhen(answers, nowMs)}: ${this.#why(camera, id, seen, answers)}`;
        return [{ camera, consumer: id, code: 'blind', message }];
      });
    });
  }

  #why(camera: string, consumer: string, seen: WatchedCamera | undefined, { failure }: Answers): string {
    if (!seen) return 'its camera has no process';
    const { state, reason, consumers } = seen.report;
    if (state === 'live') {
      const why = consumers[consumer]?.reason ?? null;
      return why === null ? (failure ?? 'its camera is live, and nothing comes') : about(why);
    }
    const now = phrase(state, seen.message ?? (reason === state ? null : reason));
    const cause = this.#causes.get(camera);
    const first = cause && phrase(cause.state, cause.message);
    return `its camera is ${now}${first === undefined || first === now ? '' : `; at first it was ${first}`}`;
  }

  #note(camera: string, seen: WatchedCamera | undefined): void {
    if (!seen || seen.report.state === 'live') this.#causes.delete(camera);
    else if (seen.message !== null && !this.#causes.has(camera))
      this.#causes.set(camera, { state: seen.report.state, message: seen.message });
  }

  #answersOf(key: string): Answers {
    const answers = this.#answers.get(key) ?? new Answers(this.#clock.nowMs());
    this.#answers.set(key, answers);
    return answers;
  }

  #forget({ cameras }: Plan): void {
    const there = new Set(cameras.flatMap((c) => [c.camera, ...c.consumers.map(({ id }) => `${c.camera}/${id}`)]));
    for (const known of [this.#answers, this.#causes])
      for (const key of known.keys()) if (!there.has(key)) known.delete(key);
  }
}

/** A consumer's reason is about itself (`gave no answer`), or about its model (`it went away`, `nothing listens on its socket`). */
function about(why: string): string {
  if (why.startsWith('it ')) return `its model ${why.slice(3)}`;
  return why.startsWith('nothing ') ? `of its model ${why}` : `it ${why}`;
}

function sinceWhen({ seenMs, ever, again }: Answers, nowMs: number): string {
  const ago = `${Math.round((nowMs - seenMs) / 1000)} s`;
  if (!ever) return `without an answer since it began ${ago} ago`;
  return again ? `with answers only now and then, the last one ${ago} ago` : `without an answer for ${ago}`;
}

function phrase(state: string, message: string | null): string {
  return message === null ? state : `${state} (${message})`;
}
