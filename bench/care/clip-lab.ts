import type { Detection } from '@vigia/contracts';
import { type FallLimits, FallRule, type Look } from '@vigia/rules';
import { type Eyes, readClip } from '../support/runtime-internals.ts';

type Picture = Parameters<Eyes['whole']>[0];

/** What rules made of a clip. */
export interface Watched {
  /** Pictures that the model has seen. */
  readonly results: number;
  /** When each rule raised an alarm, in the order of the limits. Seconds of the clip. */
  readonly alarmsS: readonly (readonly number[])[];
}

/** A look is answered once for all rules that ask for nearly the same. Shares of the picture's height. */
const SAME_LOOK = 1 / 250;

/**
 * Plays a clip to a rule of each limits at once. The model looks at each picture once, and answers each look once: what differs
 * is the rule. No time passes while it looks.
 *
 * @param lost Share of the looks that have no answer: the same ones for each rule that asks for as many.
 */
export async function watchClip(
  { eyes, path, fps, lost }: { eyes: Eyes; path: string; fps: number; lost: number },
  limits: readonly FallLimits[],
  signal: AbortSignal,
): Promise<Watched> {
  let results = 0;
  let watchers: readonly Watcher[] | undefined;
  await readClip(
    path,
    fps,
    async (picture, atMs) => {
      const seen = await eyes.whole(picture);
      results += 1;
      watchers ??= limits.map((one) => new Watcher(picture.width / picture.height, one, lost));
      const looks = new Looks(eyes, picture);
      for (const watcher of watchers) await watcher.see(atMs, seen, looks);
    },
    signal,
  );
  return { results, alarmsS: watchers?.map(({ alarmsS }) => alarmsS) ?? limits.map(() => []) };
}

/** One rule. */
class Watcher {
  readonly alarmsS: number[] = [];
  readonly #rule: FallRule;
  readonly #lost: number;
  readonly #random = minimalStandard();

  constructor(aspect: number, limits: FallLimits, lost: number) {
    this.#rule = new FallRule(aspect, { limits });
    this.#lost = lost;
  }

  async see(atMs: number, seen: readonly Detection[], looks: Looks): Promise<void> {
    for (const look of this.#rule.see(atMs, seen)) {
      if (this.#random() < this.#lost) continue;
      const found = await looks.answer(look);
      if (found) this.#rule.looked(look, found);
    }
    for (const { phase } of this.#rule.settle()) if (phase === 'start') this.alarmsS.push(atMs / 1000);
  }
}

/** Answers to looks at one picture. */
class Looks {
  readonly #eyes: Eyes;
  readonly #picture: Picture;
  readonly #answers = new Map<string, readonly Detection[] | undefined>();

  constructor(eyes: Eyes, picture: Picture) {
    this.#eyes = eyes;
    this.#picture = picture;
  }

  async answer(look: Look): Promise<readonly Detection[] | undefined> {
    const near = (value: number): number => Math.round(value / SAME_LOOK) * SAME_LOOK;
    const asked = { ...look, x: near(look.x), y: near(look.y), side: near(look.side) };
    const key = `${asked.x} ${asked.y} ${asked.side} ${asked.turn}`;
    if (!this.#answers.has(key)) this.#answers.set(key, await this.#eyes.look(this.#picture, asked));
    return this.#answers.get(key);
  }
}

/** The "minimal standard" generator of Park and Miller, 1988: 0 to 1. */
function minimalStandard(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
