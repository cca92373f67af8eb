/**
 * A zoo of cameras, combined at random: every picture is what the camera encoded or is counted as concealed, every age is
 * true or marked as uncertain, every unit is accounted for, and a camera is live in time or says truly why not. A plain
 * camera in the same process is not disturbed. Controls, a changed pixel and an age off by a second, show that the check
 * would notice.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Clips } from './camera-zoo/clips.ts';
import { type Combination, combinations, parsed } from './camera-zoo/combination.ts';
import { judge, judgePlain, type Wrong } from './camera-zoo/judge.ts';
import { Explanation, type Failure, playing } from './camera-zoo/shrink.ts';
import { Tally } from './camera-zoo/tally.ts';
import { type Tampering, Visit, visited } from './camera-zoo/visit.ts';
import { addCounts, countsText } from '../support/numbers.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const COMBINATIONS = { long: 2_000, short: 40 } as const;
/** Cameras at the same time: two cores are half busy with them. */
const LANES = { long: 20, short: 10 } as const;
/** Long ones hear two sender reports. */
const SECONDS = { long: [5, 5, 6, 7, 10], short: [3] } as const;
/** Of the plain camera's pictures, that may be late: everything is in one process, with other work beside it. */
const LATE_SHARE = 0.25;
const PROGRESS_EVERY = 100;

const SHORT_SEED = 3;
const PLAIN: Combination = { codec: 'h264', fps: 25, seconds: 2, seed: 7 };

/** What the judge must notice, and by which kind of failure. */
const CONTROLS: Readonly<Record<string, readonly [Tampering, Wrong['kind']]>> = {
  'a changed pixel': [{ pixel: true }, 'pixels'],
  'an age off by a second': [{ youngerMs: 1_000 }, 'age'],
};

class Zoo {
  readonly tally = new Tally();
  readonly suspects: Failure[] = [];
  readonly #run: SoakRun;
  readonly #clips: Clips;
  #played = 0;

  constructor(run: SoakRun, clips: Clips) {
    this.#run = run;
    this.#clips = clips;
  }

  /** Plays them, so many at a time. */
  async play(all: readonly Combination[], lanes: number): Promise<void> {
    const queue = all.values();
    const lane = async (): Promise<void> => {
      for (const combination of queue) await this.#playOne(combination, all.length);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  async #playOne(combination: Combination, of: number): Promise<void> {
    const exhibit = await this.#clips.of(combination);
    const evidence = await visited(combination, exhibit, this.#run.signal);
    this.tally.add(combination, evidence);
    this.suspects.push(...judge(combination, exhibit, evidence).map((wrong) => ({ combination, wrong })));
    this.#played += 1;
    if (this.#played % PROGRESS_EVERY !== 0) return;
    const { length } = this.suspects;
    this.#run.progress(`${this.#played} of ${of}, ${length} suspect ${this.suspects.at(-1)?.wrong.sentence ?? ''}`);
  }
}

/** Names of the controls that the judge does not notice. */
async function missedControls(clips: Clips, signal: AbortSignal): Promise<string[]> {
  const exhibit = await clips.of(PLAIN);
  const missed = await Promise.all(
    Object.entries(CONTROLS).map(async ([name, [tampering, kind]]) => {
      const wrong = judge(PLAIN, exhibit, await visited(PLAIN, exhibit, signal, tampering));
      return wrong.some((one) => one.kind === kind) ? [] : [name];
    }),
  );
  return missed.flat();
}

/** The combinations of this run, and how to have the same again. */
function chosen({ short, only }: SoakRun): { readonly all: readonly Combination[]; readonly again: string } {
  // The option is a list elsewhere.
  if (only.length > 0) return { all: [parsed(only.join(','))], again: 'one combination, as given' };
  // The short form plays the same ones each time: a test of every change must not find something by chance.
  const seed = Number(process.env['VIGIA_FUZZ_SEED'] ?? (short ? SHORT_SEED : randomInt(2 ** 31)));
  const numRuns = short ? COMBINATIONS.short : COMBINATIONS.long;
  const all = fc.sample(combinations(short ? SECONDS.short : SECONDS.long), { seed, numRuns });
  return { all, again: `seed ${seed}; VIGIA_FUZZ_SEED=${seed} makes the same combinations again` };
}

/** Plays suspects again, until their causes are known. */
async function explanationOf(run: SoakRun, clips: Clips, suspects: readonly Failure[]): Promise<Explanation> {
  const kinds: Record<string, number> = {};
  for (const { wrong } of suspects) addCounts(kinds, { [wrong.kind]: 1 });
  run.progress(`played again: ${countsText(kinds)}`);
  const play = playing((combination) => clips.of(combination), run.signal);
  const explanation = new Explanation(suspects, play);
  await explanation.find();
  return explanation;
}

await runSoak('camera-zoo', async (run): Promise<SoakResult> => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-zoo-'));
  run.scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { all, again } = chosen(run);
  run.progress(`${all.length} combinations, ${again}`);
  const clips = new Clips(folder);
  const plain = new Visit(PLAIN, await clips.of(PLAIN));
  const zoo = new Zoo(run, clips);
  // Encoding takes a core: before anything is timed.
  await Promise.all(all.map((combination) => clips.of(combination)));
  run.scope.defer(async () => void (await plain.end()));
  await plain.start(PLAIN);
  await zoo.play(all, run.short ? LANES.short : LANES.long);
  const plainEvidence = await plain.end();
  const missed = await missedControls(clips, run.signal);
  const { sentences, passed } = await explanationOf(run, clips, zoo.suspects);
  const failures = [
    ...sentences,
    ...judgePlain(plainEvidence, LATE_SHARE),
    ...missed.map((name) => `the control was not caught: ${name}`),
  ];
  const { published, late } = plainEvidence.counters;
  const notes = [
    `${passed} ages and states were wrong once, and right when their camera was played again alone`,
    `the plain camera beside them: ${plainEvidence.unitsSent} pictures sent, ${published} published and equal, ${late} late`,
    `controls (${Object.keys(CONTROLS).join(', ')}): ${missed.length === 0 ? 'caught' : 'not caught'}`,
    again,
  ];
  return { tables: [zoo.tally.table(notes)], failures: failures.length > 0 ? [...failures, again] : [] };
});
