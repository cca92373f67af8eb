/**
 * The store of a node against damage and size: files with flipped bits, cut off, swapped pages, foreign logs; and a million
 * events. A damaged store never ends the process, never hangs, and is never silently wrong. A control without checksums
 * shows that the check would notice.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { every, systemClock } from '@vigia/base';
import type { Table } from '../support/table.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';
import { DAMAGE, type DamageKind, randomFrom } from './store/damage.ts';
import { isWrongUnchecked, outcomeOf } from './store/outcome.ts';
import { measurePaging } from './store/paging.ts';
import { makeSample, type Sample } from './store/samples.ts';

/** Damaged files; events in each; events that are paged. */
const LONG = { files: 1_000, events: 3_000, paged: 1_000_000 } as const;
const SHORT = { files: 21, events: 300, paged: 1_000 } as const;

/** What became of the files of one kind of damage. */
interface Tally {
  files: number;
  identical: number;
  reported: number;
  'set aside': number;
  wrong: number;
  control: number;
}

async function sampleOf(run: SoakRun, events: number): Promise<Sample> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-store-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  return makeSample(dir, events);
}

async function damageTable(run: SoakRun, seed: number): Promise<{ table: Table; failures: string[] }> {
  const scale = run.short ? SHORT : LONG;
  const [sample, other] = [await sampleOf(run, scale.events), await sampleOf(run, scale.events / 3)];
  const random = randomFrom(seed);
  const tallies = new Map<DamageKind, Tally>();
  const failures: string[] = [];
  for (let n = 0; n < scale.files; n += 1) {
    run.signal.throwIfAborted();
    const kind = DAMAGE[n % DAMAGE.length] as DamageKind;
    const tally = tallies.get(kind) ?? { files: 0, identical: 0, reported: 0, 'set aside': 0, wrong: 0, control: 0 };
    tallies.set(kind, tally);
    const files = kind.apply(sample, random, other);
    const outcome = await outcomeOf(files, sample);
    tally.files += 1;
    tally[typeof outcome === 'string' ? outcome : 'wrong'] += 1;
    if (typeof outcome !== 'string') failures.push(`file ${n} (${kind.name}): ${outcome.wrong}`);
    if (await isWrongUnchecked(files, sample)) tally.control += 1;
    if (n % 100 === 99) run.progress(`${n + 1} files, ${failures.length} failures`);
  }
  const rows = [...tallies].map(([{ name }, tally]) => [name].concat(Object.values(tally).map(String)));
  const caught = [...tallies.values()].reduce((sum, { control }) => sum + control, 0);
  if (caught === 0) failures.push('the control was not caught: nothing was silently wrong without checksums');
  const table: Table = {
    title: `Damaged stores of ${scale.events} events (seed ${seed})`,
    columns: ['damage', 'files', 'identical', 'reported', 'set aside', 'silently wrong', 'control: silently wrong'],
    rows,
    notes: [
      'identical: every event, every filtered answer and the place of the reader are as they were written',
      'reported: what differs is in no answer, and a sentence says so; set aside: a sentence, and a new store',
      'control: the same files read with SQLite and its quick check only',
    ],
  };
  return { table, failures };
}

await runSoak('store', async (run): Promise<SoakResult> => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  run.progress(`seed ${seed}`);
  // The thread of a store is no reason for a process to live.
  const alive = every(systemClock, 60_000, () => undefined);
  run.scope.defer(() => alive.cancel());
  const wants = (part: string): boolean => run.only.length === 0 || run.only.includes(part);
  const damage = wants('damage') ? await damageTable(run, seed) : undefined;
  const { paged } = run.short ? SHORT : LONG;
  const paging = wants('paging') ? await measurePaging(run, paged, !run.short) : undefined;
  const parts = [damage, paging].filter((part) => part !== undefined);
  return { tables: parts.map(({ table }) => table), failures: parts.flatMap(({ failures }) => failures) };
});
