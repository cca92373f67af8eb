import { type Signal, signal } from '@preact/signals';
import type { ResultMessage } from '@vigia/contracts';
import { type ConsumerNumbers, consumerNumbers, type Equation, equationsOf, streamText } from './accounts.ts';
import { RecentAges } from './hops.ts';
import { duration, text } from './texts.ts';
import type { Ward } from './ward.ts';

/** A line of the table of consumers. `age`: of its newest answer, `≥ 0.2 s`. */
export type ConsumerRow = ConsumerNumbers & { readonly age: string };

/** Two answers of a consumer, each split into where its age went. */
export type Ages = ReturnType<RecentAges['typical']>;

/** The newest answer of a camera: how old it is, and why. */
export interface Seen {
  readonly consumer: string;
  /** Of its picture, now. */
  readonly age: string;
  /** Of its picture when it was decided, and since then. */
  readonly decided: string;
  readonly since: string;
  readonly certain: boolean;
}

/** Numbers of one camera, as signals: its consumers, where their time goes, where every picture went. */
export class CameraNumbers {
  readonly camera: string;
  /** `H.264 · 1920×1080 · 25 fps · TCP`. */
  readonly stream: Signal<string> = signal('');
  readonly consumers: Signal<readonly ConsumerRow[]> = signal([]);
  readonly equations: Signal<readonly Equation[]> = signal([]);
  readonly seen: Signal<Seen | null> = signal(null);
  readonly ages: Signal<Ages> = signal(null);
  /** The consumer whose ages are split; null: the most urgent one. */
  readonly chosen: Signal<string | null> = signal(null);
  readonly #ward: Pick<Ward, 'status' | 'consumers'>;
  readonly #recent = new Map<string, RecentAges>();
  readonly #newest = new Map<string, number>();

  constructor(camera: string, ward: Pick<Ward, 'status' | 'consumers'>) {
    this.camera = camera;
    this.#ward = ward;
  }

  take({ consumer, status, age_ms, hops_ms }: ResultMessage): void {
    if (status !== 'ok') return;
    let recent = this.#recent.get(consumer);
    if (recent === undefined) this.#recent.set(consumer, (recent = new RecentAges()));
    recent.add({ age_ms, hops_ms });
    this.#newest.set(consumer, age_ms);
  }

  /** Brings the signals to what is known now. */
  show(localMs: number): void {
    const status = this.#ward.status?.cameras[this.camera];
    if (status === undefined) return;
    const numbers = consumerNumbers(status);
    const views = this.#ward.consumers(this.camera, localMs);
    this.stream.value = streamText(status.report);
    set(
      this.consumers,
      views.flatMap(({ name, ageMs, certain }) => {
        const found = numbers.get(name);
        const age = ageMs === null ? '–' : duration(ageMs);
        return found === undefined ? [] : [{ ...found, age: certain ? age : text('w.least', { s: age }) }];
      }),
    );
    set(this.equations, equationsOf(status.report));
    const answered = views.filter(({ ageMs }) => ageMs !== null);
    const newest = answered.toSorted((a, b) => (a.ageMs ?? 0) - (b.ageMs ?? 0))[0];
    set(this.seen, newest === undefined ? null : this.#seen(newest.name, newest.ageMs ?? 0, newest.certain));
    const name = this.chosen.peek() ?? views[0]?.name;
    set(this.ages, (name === undefined ? undefined : this.#recent.get(name))?.typical() ?? null);
  }

  #seen(consumer: string, ageMs: number, certain: boolean): Seen {
    const decidedMs = this.#newest.get(consumer) ?? null;
    return {
      consumer,
      age: duration(ageMs),
      decided: decidedMs === null ? '–' : `${Math.round(decidedMs)} ms`,
      since: decidedMs === null ? '–' : duration(Math.max(0, ageMs - decidedMs)),
      certain,
    };
  }
}

/** A signal keeps its value while nothing in it changed, so that components do not render again. */
function set<T>(target: Signal<T>, value: T): void {
  if (JSON.stringify(value) !== JSON.stringify(target.peek())) target.value = value;
}
