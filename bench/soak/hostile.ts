/**
 * Attacks on every boundary: cameras, containers, workers, the broker, the control socket, the run directory, the
 * configuration, packages and models. Judged alike everywhere: nothing ends but by a refusal with a sentence, nothing
 * hangs, memory stays within its bound, and no output has a secret or a control character. While a real node is attacked
 * on all sides at once, the ages of a critical consumer beside are compared with those in between. Faults that are planted
 * show that the judge would notice.
 */
import { randomInt } from 'node:crypto';
import { countsText, ms } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { attackCommands, type CommandsOutcome } from './hostile/commands.ts';
import { PLANTS } from './hostile/control-plants.ts';
import { attackNode, type NodeOutcome } from './hostile/node-attack.ts';
import { PARTS } from './hostile/parts.ts';
import { type Bounds, type PartOutcome, playParts } from './hostile/playing.ts';
import { mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CASES = { long: 10_000, short: 120 } as const;
const SHORT_SEED = 5;
const MIB = 2 ** 20;
/** Of a process with Node, libav, sharp and the model store, and what a case may need. */
const BOUNDS: Bounds = { limitBytes: 512 * MIB, stuckMs: 15_000 };
/** A planted loop is noticed sooner. */
const PLANT_BOUNDS: Bounds = { ...BOUNDS, stuckMs: 1_500 };
/** Those end their process. */
const LOOP = 'a loop without end';
const LAST_PLANTS = [LOOP, 'memory that grows', 'a process that ends'];
const CONTAINERS = 'containers';
const OTHER_BOUNDS: Readonly<Record<string, Partial<Bounds>>> = {
  // Its clock is simulated, and its cases are not marked.
  [CONTAINERS]: { stuckMs: 300_000 },
  // Of an answer without end 64 MiB are read: by a command one, here many.
  control: { limitBytes: 768 * MIB },
};
const NODE = 'node';
const COMMANDS = 'commands';
const PROCESS_PARTS = [...Object.keys(PARTS), CONTAINERS];

/** What is played: a part, with the seed of an earlier run if one is given. */
interface Choice {
  readonly name: string;
  readonly seed: number;
  /** Only this case, where one is given. */
  readonly only: number | undefined;
}

/** By `--only=PART[:SEED[:CASE]]`. */
function choices({ only, short }: SoakRun): readonly Choice[] {
  const drawn = Number(process.env['VIGIA_FUZZ_SEED'] ?? (short ? SHORT_SEED : randomInt(2 ** 31)));
  const asked = only.length > 0 ? only : [...PROCESS_PARTS, NODE, COMMANDS];
  return asked.map((text) => {
    const [name = '', seed, number] = text.split(':');
    if (![...PROCESS_PARTS, NODE, COMMANDS].includes(name)) throw new Error(`there is no part ${name}`);
    return { name, seed: Number(seed ?? drawn), only: number === undefined ? undefined : Number(number) };
  });
}

/** Plays them, each in its own process; in the short form all in one. */
async function playProcessParts(run: SoakRun, chosen: readonly Choice[]): Promise<PartOutcome[]> {
  const outcomes: PartOutcome[] = [];
  const whole = run.short && run.only.length === 0;
  const groups = whole && chosen[0] ? [{ ...chosen[0], name: chosen.map(({ name }) => name).join(',') }] : chosen;
  for (const { name, seed, only } of groups) {
    run.signal.throwIfAborted();
    run.progress(`${name}, seed ${seed}`);
    const count = run.short ? CASES.short : CASES.long;
    const cases = only === undefined ? { seed, first: 0, count } : { seed, first: only, count: 1 };
    outcomes.push(...(await playParts(run, name.split(','), cases, { ...BOUNDS, ...OTHER_BOUNDS[name] })));
  }
  return outcomes;
}

/** Planted faults that were not noticed. */
async function missedPlants(run: SoakRun): Promise<string[]> {
  const cases = { seed: 1, first: 0, count: 1 };
  const first = Object.keys(PLANTS).filter((name) => !LAST_PLANTS.includes(name));
  const outcomes = await playParts(run, first, cases, BOUNDS);
  for (const name of LAST_PLANTS)
    outcomes.push(...(await playParts(run, [name], cases, name === LOOP ? PLANT_BOUNDS : BOUNDS)));
  return Object.entries(PLANTS).flatMap(([name, words]) => {
    const found = outcomes.filter((one) => one.name === name).flatMap(({ failures }) => failures);
    return found.some((failure) => failure.includes(words)) ? [] : [name];
  });
}

function partsTable(outcomes: readonly PartOutcome[], notes: readonly string[]): Table {
  return {
    title: 'Generated cases, in process',
    columns: ['boundary', 'cases', 'outcomes', 'slowest, ms', 'peak memory, MiB', 'failures'],
    rows: outcomes.map(({ name, cases, outcomes: counts, slowestMs, peakBytes, failures }) => [
      name,
      String(cases),
      countsText(counts),
      ms(slowestMs ?? Number.NaN),
      mib(peakBytes),
      String(failures.length),
    ]),
    notes,
  };
}

/** What is played beside each other, so that both cores have something to do. */
interface Played {
  readonly parts: readonly PartOutcome[];
  readonly node: NodeOutcome | undefined;
  readonly commands: CommandsOutcome | undefined;
  readonly missed: readonly string[];
}

async function playAll(run: SoakRun, chosen: readonly Choice[]): Promise<Played> {
  const of = (name: string): Choice | undefined => chosen.find((one) => one.name === name);
  const [node, commands] = [of(NODE), of(COMMANDS)];
  const inProcess = chosen.filter(({ name }) => PROCESS_PARTS.includes(name));
  const missed = missedPlants(run);
  const half = Math.ceil(inProcess.length / 2);
  const whole = run.short ? [inProcess] : [inProcess.slice(0, half), inProcess.slice(half)];
  const playing = Promise.all(whole.filter(({ length }) => length > 0).map((some) => playProcessParts(run, some)));
  if (!run.short) await Promise.all([playing, missed]);
  // Ages are judged: in the long form nothing else is played meanwhile.
  const attackingNode = node && attackNode(run, node.seed);
  if (!run.short) await attackingNode;
  const attackingCommands = commands && attackCommands(run, commands.seed);
  const [parts, nodeOutcome, commandsOutcome] = await Promise.all([playing, attackingNode, attackingCommands]);
  return { parts: parts.flat(), node: nodeOutcome, commands: commandsOutcome, missed: await missed };
}

await runSoak('hostile', async (run): Promise<SoakResult> => {
  const chosen = choices(run);
  const { parts, node, commands, missed } = await playAll(run, chosen);
  const seedOf = (name: string): number | undefined => chosen.find((one) => one.name === name)?.seed;
  const failures = [
    ...parts.flatMap(({ name, failures: all }) => all.map((one) => `${name}:${seedOf(name)}: ${one}`)),
    ...(node?.failures ?? []).map((one) => `${NODE}:${seedOf(NODE)}: ${one}`),
    ...(commands?.failures ?? []).map((one) => `${COMMANDS}:${seedOf(COMMANDS)}: ${one}`),
    ...missed.map((name) => `the planted fault was not noticed: ${name}`),
  ];
  const again = `seed ${chosen[0]?.seed}; --only=PART:SEED plays a part again, --only=PART:SEED:CASE one case`;
  const notes = [
    `peak memory: of its process, with the code of all parts; at most ${mib(BOUNDS.limitBytes)} MiB are allowed, for control ${mib(768 * MIB)}`,
    `planted faults (${Object.keys(PLANTS).join(', ')}): ${missed.length === 0 ? 'all noticed' : `${missed.length} not noticed`}`,
    again,
  ];
  const tables = [
    ...(parts.length > 0 ? [partsTable(parts, notes)] : []),
    ...(node?.tables ?? []),
    ...(commands?.tables ?? []),
  ];
  return { tables, failures: failures.length > 0 ? [...failures, again] : [] };
});
