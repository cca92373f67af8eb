/**
 * Killed writers: what a process leaves behind when it is killed while writing, and what its readers see.
 *
 * First bare segments: each is filled at full speed by a separate process that is killed at a random moment, while one
 * reader survives all of them. Then whole suppliers on one path and one socket, each with two readers.
 */
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { FrameSegmentReader, sweepSegments } from '@vigia/frame-supplier';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import {
  attachAgent,
  type LineChild,
  type LoopAnswer,
  nodeChild,
  type ReaderSpec,
  type ReaderWake,
  repositoryFile,
} from './child.ts';
import type { FollowCounts } from './killed-writers-child.ts';
import { isWhole, shmLeftovers, shmNames, shmPrefix } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CHILD = fileURLToPath(new URL('killed-writers-child.js', import.meta.url));
const SUPPLIER = repositoryFile('packages/frame-supplier/test/agents/supplier.mjs');
const PREFIX = shmPrefix('killed');
/** Children started ahead: starting a process takes longer than killing it. */
const AHEAD = 2;
/** Longest life of a writer after its first frame; it fills a slot in about half a millisecond. */
const LONGEST_LIFE_MS = 8;

interface Part {
  readonly table: Table;
  readonly failures: readonly string[];
}

/** Contents of the dead writers' slots. */
interface Autopsy {
  kills: number;
  /** Kills that left a slot half-written. */
  cutKills: number;
  whole: number;
  cut: number;
  neverWritten: number;
  torn: number;
  /** Segments whose newest frame according to the header could not be read. */
  headless: number;
}

/** Checks every slot of a segment whose writer is dead. */
function examine(path: string, found: Autopsy): void {
  const segment = FrameSegmentReader.open(path);
  const head = segment.head();
  const cutBefore = found.cut;
  let headIsThere = false;
  for (let slot = 0; slot < segment.slots; slot += 1) {
    const generation = segment.generation(slot);
    if (generation === 0) found.neverWritten += 1;
    else if (generation % 2 === 1) found.cut += 1;
    else {
      const view = segment.view(slot, generation);
      if (view && isWhole(view.pixels, view.frameId)) found.whole += 1;
      else found.torn += 1;
      if (slot === head?.slot && view?.frameId === head.frameId) headIsThere = true;
    }
  }
  segment.close();
  found.kills += 1;
  if (found.cut > cutBefore) found.cutKills += 1;
  if (!headIsThere) found.headless += 1;
}

/** Our files removed by `sweepSegments`; it removes pages of other readers as well. */
function sweep(): string[] {
  return sweepSegments(PREFIX).filter((path) => path.startsWith(`/dev/shm/${PREFIX}`));
}

/** Sweeps, and reports unexpected results. */
class Sweeper {
  readonly failures: string[] = [];
  swept = 0;

  /** Files of a living writer are not swept. */
  sparesTheLiving(): void {
    const paths = sweep();
    if (paths.length > 0) this.failures.push(`swept from under a living writer: ${paths.join(', ')}`);
  }

  /** The dead writer's files are swept, and nothing else. */
  removes(...expected: string[]): void {
    const paths = sweep();
    this.swept += paths.length;
    if (paths.toSorted().join() === expected.toSorted().join()) return;
    this.failures.push(`a dead writer left ${expected.join(', ')}; swept: ${paths.join(', ') || 'nothing'}`);
  }
}

class BareWriters {
  readonly #run: SoakRun;
  readonly #path = `/dev/shm/${PREFIX}bare`;
  readonly #found: Autopsy = { kills: 0, cutKills: 0, whole: 0, cut: 0, neverWritten: 0, torn: 0, headless: 0 };
  readonly #sweeper = new Sweeper();
  readonly #ahead: LineChild[] = [];
  #started = 0;

  constructor(run: SoakRun) {
    this.#run = run;
    run.scope.defer(() => rmSync(this.#path, { force: true }));
  }

  async killAll(kills: number): Promise<Part> {
    const reader = nodeChild(this.#run, 'reader', CHILD, ['reader', this.#path]);
    await reader.line();
    for (let i = 1; i <= kills; i += 1) {
      this.#startAhead(kills);
      await this.#killNext(reader);
      if (i % 100 === 0) this.#run.progress(`${i} of ${kills} writers killed`);
    }
    reader.process.stdin?.end();
    return this.#judge(kills, await reader.line<FollowCounts>());
  }

  #startAhead(kills: number): void {
    while (this.#ahead.length < AHEAD && this.#started < kills) {
      this.#ahead.push(nodeChild(this.#run, 'writer', CHILD, ['writer', this.#path]));
      this.#started += 1;
    }
  }

  async #killNext(reader: LineChild): Promise<void> {
    const writer = this.#ahead.shift();
    if (!writer) return;
    const { epoch } = await writer.ask<{ epoch: string }>({ op: 'write' });
    // The reader is on it before the writer dies, otherwise it would see long-lived ones only.
    const seen = await reader.line<{ epoch: string }>();
    if (seen.epoch !== epoch) throw new Error(`the reader follows ${seen.epoch}, ${epoch} is written`);
    this.#sweeper.sparesTheLiving();
    await sleep(systemClock, Math.random() * LONGEST_LIFE_MS, this.#run.signal);
    await writer.kill();
    examine(this.#path, this.#found);
    this.#sweeper.removes(this.#path);
  }

  #judge(kills: number, reader: FollowCounts): Part {
    const found = this.#found;
    const failures = [...this.#sweeper.failures];
    const must = (holds: boolean, otherwise: string): void => void (holds || failures.push(otherwise));
    must(found.kills === kills, `${found.kills} of ${kills} writers were killed`);
    must(found.cutKills * 2 > kills, `only ${found.cutKills} of ${kills} kills hit a slot being written`);
    must(found.cut === found.cutKills, `${found.cut} slots were half-written by ${found.cutKills} writers`);
    must(found.torn === 0, `${found.torn} slots of the dead claim to be whole and are not`);
    must(found.headless === 0, `${found.headless} headers of the dead name a frame that is not there`);
    must(reader.segments === kills, `the reader got frames of ${reader.segments} of ${kills} segments`);
    must(reader.torn === 0, `the reader took ${reader.torn} torn frames for whole`);
    must(reader.backwards === 0, `the reader went back in time ${reader.backwards} times`);
    must(shmNames(PREFIX).length === 0, `left in /dev/shm: ${shmNames(PREFIX).join(', ')}`);
    const rows: [string, number][] = [
      ['writers killed', found.kills],
      ['… in the middle of a slot', found.cutKills],
      ['slots of the dead: half-written, and say so', found.cut],
      ['… whole', found.whole],
      ['… never written', found.neverWritten],
      ['… torn', found.torn],
      ['files swept (one each)', this.#sweeper.swept],
      ['segments that the reader followed', reader.segments],
      ['frames that it accepted', reader.accepted],
      ['… that expired while it looked', reader.expired],
      ['… torn', reader.torn],
    ];
    return { table: countTable('Bare segments, 1080p, killed while written flat out', rows), failures };
  }
}

function countTable(title: string, rows: readonly (readonly [string, number | string])[]): Table {
  return { title, columns: ['what', 'count'], rows: rows.map(([what, count]) => [what, String(count)]) };
}

/** How a reader of a killed supplier ended. */
interface Ending extends LoopAnswer {
  readonly reader: ReaderSpec;
  readonly afterMs: number;
}

class Suppliers {
  readonly #run: SoakRun;
  readonly #path = `/dev/shm/${PREFIX}supplier`;
  readonly #socketPath = `/tmp/vigia-soak-killed-${process.pid}.sock`;
  readonly #endings: Promise<Ending>[] = [];
  readonly #pids: number[] = [];
  /** Suppliers that found leftovers of a dead one: segment, seats, socket. */
  #successors = 0;

  constructor(run: SoakRun) {
    this.#run = run;
    for (const file of [this.#path, `${this.#path}.seats`, this.#socketPath])
      run.scope.defer(() => rmSync(file, { force: true }));
  }

  async killAll(kills: number): Promise<Part> {
    for (let i = 1; i <= kills; i += 1) {
      await this.#killOne(i);
      if (i % 20 === 0) this.#run.progress(`${i} of ${kills} suppliers killed`);
    }
    const endings = await Promise.all(this.#endings);
    const sweeper = new Sweeper();
    sweeper.removes(this.#path, `${this.#path}.seats`);
    rmSync(this.#socketPath, { force: true });
    return this.#judge(kills, endings, sweeper.failures);
  }

  async #killOne(round: number): Promise<void> {
    if ([this.#path, `${this.#path}.seats`, this.#socketPath].every((file) => existsSync(file))) this.#successors += 1;
    const supplier = nodeChild(this.#run, 'supplier', SUPPLIER, [this.#path, this.#socketPath, '200', '300']);
    await supplier.line();
    const specs = readersOf(round);
    const readers = await Promise.all(specs.map((spec) => attachAgent(this.#run, this.#socketPath, spec)));
    const answers = readers.map((reader) => reader.ask<LoopAnswer>({ op: 'loop', frames: 1e9, work_ms: round % 3 }));
    await sleep(systemClock, 20 + Math.random() * 60, this.#run.signal);
    const killedMs = systemClock.nowMs();
    await supplier.kill();
    // Not waited for: a reader that sleeps in a futex needs seconds to notice, and the successor must not wait.
    readers.forEach((reader, i) => {
      const [spec, answer] = [specs[i], answers[i]];
      if (spec && answer) this.#endings.push(this.#ending(reader, spec, answer, killedMs));
    });
  }

  async #ending(child: LineChild, reader: ReaderSpec, answer: Promise<LoopAnswer>, killedMs: number): Promise<Ending> {
    const counts = await answer;
    const afterMs = systemClock.nowMs() - killedMs;
    this.#pids.push(child.pid);
    await child.kill();
    return { ...counts, reader, afterMs };
  }

  #judge(kills: number, endings: readonly Ending[], swept: readonly string[]): Part {
    const failures = [...swept];
    const must = (holds: boolean, otherwise: string): void => void (holds || failures.push(otherwise));
    const sum = (count: (ending: Ending) => number): number => endings.reduce((n, ending) => n + count(ending), 0);
    const lost = endings.filter(({ end }) => end === 'lost');
    const left = shmLeftovers(PREFIX, this.#pids);
    must(lost.length === 2 * kills, `${lost.length} of ${2 * kills} readers ended with lost`);
    must(this.#successors === kills - 1, `${this.#successors} suppliers found what a dead one had left`);
    must(sum(({ frames }) => frames) > 0, 'no reader got a frame');
    must(sum(({ torn }) => torn) === 0, `${sum(({ torn }) => torn)} torn frames were taken for whole`);
    must(sum(({ backwards }) => backwards) === 0, 'a reader went back in time');
    must(left.length === 0, `left in /dev/shm: ${left.join(', ')}`);
    const rows: [string, number | string][] = [
      ['suppliers killed', kills],
      ['… that started over what a dead one had left', this.#successors],
      ['readers, half in Node and half in Python', endings.length],
      ['… that ended with lost', lost.length],
      ['frames that they took', sum(({ frames }) => frames)],
      ['… expired', sum(({ expired }) => expired)],
      ['… torn', sum(({ torn }) => torn)],
      ...timeRows(endings),
    ];
    return { table: countTable('Suppliers, 300×300 at 200 Hz, killed with their readers attached', rows), failures };
  }
}

/** One waits in a futex, the other on its socket; in the next round the other way round. */
function readersOf(round: number): ReaderSpec[] {
  const [node, python]: readonly ReaderWake[] = round % 2 === 0 ? ['futex', 'socket'] : ['socket', 'futex'];
  return [
    { language: 'node', id: 'node', wake: node ?? 'futex' },
    { language: 'python', id: 'python', wake: python ?? 'futex' },
  ];
}

/** Time to notice, by kind of reader. */
function timeRows(endings: readonly Ending[]): [string, string][] {
  const kinds = (['node', 'python'] as const).flatMap((language) =>
    (['socket', 'futex'] as const).map((wake) => ({ language, wake })),
  );
  return kinds.map(({ language, wake }) => {
    const some = endings.filter(({ reader }) => reader.language === language && reader.wake === wake);
    const values = some.map(({ afterMs }) => afterMs);
    const name = language === 'node' ? 'Node' : 'Python';
    return [
      `killed → lost, ${name}, ${wake}, p50 / max ms`,
      `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 1))}`,
    ];
  });
}

async function killedWriters(run: SoakRun): Promise<SoakResult> {
  const bare = await new BareWriters(run).killAll(run.short ? 15 : 1_000);
  const suppliers = await new Suppliers(run).killAll(run.short ? 5 : 100);
  return { tables: [bare.table, suppliers.table], failures: [...bare.failures, ...suppliers.failures] };
}

await runSoak('killed-writers', killedWriters);
