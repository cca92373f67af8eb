import type { Scope } from '@vigia/base';
import { ClientFuzz } from '../container-fuzz/client-side.ts';
import type { Cases, Tally } from './part.ts';

/** The wrong answers of `container-fuzz`, at the parts of a camera process that ask a container. */
export async function playContainer(scope: Scope, { seed, count }: Cases): Promise<Tally> {
  const signal = new AbortController().signal;
  const run = { signal, scope, short: true, only: [], progress: () => undefined };
  const { kinds, failures } = await new ClientFuzz(run, seed).play(count);
  const outcomes: Record<string, number> = {};
  let cases = 0;
  for (const kind of kinds.values()) {
    cases += kind.cases;
    for (const [name, times] of Object.entries(kind.verdicts)) outcomes[name] = (outcomes[name] ?? 0) + times;
  }
  return { cases, outcomes, failures };
}
