import { quantile } from '../../support/numbers.ts';
import type { Table } from '../../support/table.ts';
import { type Combination, propertiesOf } from './combination.ts';
import type { Evidence } from './visit.ts';

/** Sums over the combinations that have one property in common. */
interface Sums {
  combinations: number;
  pictures: number;
  concealed: number;
  certain: number;
  notLive: number;
  readonly liveMs: number[];
}

/** What the combinations of a run had in common, and what came of them. */
export class Tally {
  readonly #sums = new Map<string, Sums>();
  #combinations = 0;
  #pictures = 0;
  #seconds = 0;

  add(combination: Combination, evidence: Evidence): void {
    this.#combinations += 1;
    this.#pictures += evidence.shown.length;
    this.#seconds += combination.seconds;
    const names = ['all', `codec ${combination.codec}`, ...propertiesOf(combination)];
    for (const name of names) this.#addTo(name, evidence);
  }

  table(notes: readonly string[]): Table {
    const names = [...this.#sums.keys()].toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    const total = `${this.#combinations} combinations, ${this.#seconds} s of cameras, ${this.#pictures} pictures`;
    return {
      title: 'Cameras of the zoo, by property',
      columns: [
        'with',
        'combinations',
        'pictures',
        'concealed',
        'ages certain',
        'live after, ms (p50, p99)',
        'not live',
      ],
      rows: names.map((name) => [name].concat(cellsOf(this.#sums.get(name) as Sums))),
      notes: [total, 'not live: at the end, with a reason that is true', ...notes],
    };
  }

  #addTo(name: string, { shown, states }: Evidence): void {
    const sums = this.#sums.get(name) ?? empty();
    this.#sums.set(name, sums);
    sums.combinations += 1;
    sums.pictures += shown.length;
    for (const { concealed, hiddenMs } of shown) {
      if (concealed) sums.concealed += 1;
      if (hiddenMs === 0) sums.certain += 1;
    }
    const live = states.find(({ state }) => state.state === 'live');
    if (live) sums.liveMs.push(live.atMs);
    if (states.at(-1)?.state.state !== 'live') sums.notLive += 1;
  }
}

function empty(): Sums {
  return { combinations: 0, pictures: 0, concealed: 0, certain: 0, notLive: 0, liveMs: [] };
}

function rank(name: string): number {
  if (name === 'all') return 0;
  return name.startsWith('codec') ? 1 : 2;
}

function cellsOf({ combinations, pictures, concealed, certain, notLive, liveMs }: Sums): string[] {
  const share = pictures === 0 ? '–' : `${((100 * certain) / pictures).toFixed(0)} %`;
  const live = liveMs.length === 0 ? '–' : [0.5, 0.99].map((q) => quantile(liveMs, q).toFixed(0)).join(', ');
  return [String(combinations), String(pictures), String(concealed), share, live, String(notLive)];
}
