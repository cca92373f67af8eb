import { messageOf } from '@vigia/base';
import type { Sample, Setup, Variant } from './variant.ts';

/** Outcome of one variant. */
export interface Outcome {
  readonly variant: Variant;
  /** By round; undefined where it could not be measured. */
  readonly samples: (Sample | undefined)[];
  /** Why there are no (further) samples. */
  absent: string | undefined;
  /** It was installed and failed: a benchmark must not ignore that. */
  failed: boolean;
}

/** Measures all variants alternately, round by round. A variant that is missing or fails is left out from then on. */
export async function measureRounds(setup: Setup, variants: readonly Variant[], rounds: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = variants.map((variant) => ({ variant, samples: [], absent: undefined, failed: false }));
  for (const outcome of outcomes) await prepare(setup, outcome);
  for (let round = 1; round <= rounds; round += 1)
    for (const outcome of outcomes) await measure(setup, outcome, `round ${round} of ${rounds}`);
  return outcomes;
}

async function prepare(setup: Setup, outcome: Outcome): Promise<void> {
  const { variant } = outcome;
  if (!variant.prepare) return;
  try {
    outcome.absent = await variant.prepare(setup);
  } catch (error) {
    fail(setup, outcome, error);
  }
  if (outcome.absent !== undefined) setup.run.progress(`${variant.title}: ${outcome.absent}`);
}

async function measure(setup: Setup, outcome: Outcome, progress: string): Promise<void> {
  if (outcome.absent !== undefined) {
    outcome.samples.push(undefined);
    return;
  }
  setup.run.progress(`${progress}: ${outcome.variant.title}`);
  try {
    outcome.samples.push(await outcome.variant.run(setup));
  } catch (error) {
    fail(setup, outcome, error);
    outcome.samples.push(undefined);
    setup.run.progress(`${outcome.variant.title}: ${outcome.absent}`);
  }
}

function fail(setup: Setup, outcome: Outcome, error: unknown): void {
  setup.run.signal.throwIfAborted();
  outcome.failed = true;
  outcome.absent = `failed: ${messageOf(error)}`;
}
