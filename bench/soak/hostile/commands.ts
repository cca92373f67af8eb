import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countsText, ms } from '../../support/numbers.ts';
import type { Table } from '../../support/table.ts';
import { Random } from '../container-fuzz/random.ts';
import { mib } from '../memory.ts';
import type { SoakRun } from '../soak-run.ts';
import { type CommandBounds, type CommandEnd, runVigia, wrongEnd } from './command-run.ts';
import { listening } from './control-cases.ts';
import { onnxFile } from './onnx-cases.ts';
import { asOther, openFolder, SQUATS } from './second-user.ts';
import { runSquatted } from './squatted-memory.ts';
import { strangerOf } from './strangers.ts';

/** What commands showed. */
export interface CommandsOutcome {
  readonly tables: readonly Table[];
  readonly failures: readonly string[];
}

const TIMES = { long: { strangers: 40, models: 30 }, short: { strangers: 2, models: 1 } } as const;
const MIB = 2 ** 20;
/** A command asks for at most 10 s; a model is inspected and measured. */
const STRANGER: CommandBounds = { limitMs: 14_000, limitBytes: 320 * MIB };
const MODEL: CommandBounds = { limitMs: 90_000, limitBytes: 512 * MIB };
const SQUATTED: CommandBounds = { limitMs: 14_000, limitBytes: 256 * MIB };

const COMMANDS = [
  ['health'],
  ['status'],
  ['status', '--json'],
  ['logs'],
  ['events'],
  ['events', '--json'],
  ['reload'],
  ['stop'],
  ['snapshot', 'hall', '/dev/null'],
  ['restart', 'hall'],
];

/** Commands, each in its process, against what strangers prepared. */
export function attackCommands(run: SoakRun, seed: number): Promise<CommandsOutcome> {
  return new CommandAttack(run, seed).play();
}

/** A row of the table. */
interface Row {
  readonly name: string;
  readonly ends: CommandEnd[];
  failures: number;
}

class CommandAttack {
  readonly #run: SoakRun;
  readonly #seed: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'vigia-hostile-'));
  readonly #failures: string[] = [];
  readonly #rows: Row[] = [];

  constructor(run: SoakRun, seed: number) {
    this.#run = run;
    this.#seed = seed;
    run.scope.defer(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  async play(): Promise<CommandsOutcome> {
    const { strangers, models } = this.#run.short ? TIMES.short : TIMES.long;
    await this.#strangers(strangers);
    await this.#models(models);
    if (process.getuid?.() === 0) await this.#secondUser();
    if (process.getuid?.() === 0 && !this.#run.short) await this.#squattedMemory();
    return { tables: [this.#table()], failures: this.#failures };
  }

  #row(name: string): Row {
    const row: Row = { name, ends: [], failures: 0 };
    this.#rows.push(row);
    return row;
  }

  #judge(row: Row, what: string, end: CommandEnd, bounds: CommandBounds, more: readonly string[] = []): void {
    row.ends.push(end);
    const wrong = [...wrongEnd(end, bounds), ...more];
    row.failures += wrong.length > 0 ? 1 : 0;
    this.#failures.push(...wrong.map((one) => `${row.name}: ${what}: ${one}`));
  }

  async #strangers(count: number): Promise<void> {
    const row = this.#row('commands that ask a stranger');
    const runDir = join(this.#folder, 'run');
    mkdirSync(runDir, { mode: 0o700 });
    for (let n = 0; n < count; n += 1) {
      this.#run.signal.throwIfAborted();
      const random = Random.ofCase(this.#seed, n);
      const args = COMMANDS[n % COMMANDS.length] ?? [];
      const path = join(runDir, 'control.sock');
      const server = await listening(path, strangerOf(random));
      const end = await runVigia(this.#run, args, { VIGIA_RUN_DIR: runDir }, STRANGER.limitMs * 2);
      server.close();
      rmSync(path, { force: true });
      this.#judge(row, `case ${n}, vigia ${args.join(' ')}`, end, STRANGER);
    }
  }

  async #models(count: number): Promise<void> {
    const row = this.#row('`models add` of an ONNX file');
    const cache = join(this.#folder, 'cache');
    for (let n = 0; n < count; n += 1) {
      this.#run.signal.throwIfAborted();
      const { kind, bytes } = onnxFile(Random.ofCase(this.#seed, n));
      const file = join(this.#folder, 'model.onnx');
      writeFileSync(file, bytes);
      const args = ['models', 'add', file, '--id', `m${n}`, '--yes'];
      const end = await runVigia(this.#run, args, { VIGIA_CACHE_DIR: cache }, MODEL.limitMs);
      const kept = existsSync(join(cache, 'models', `m${n}`));
      const left = end.code !== 0 && kept ? ['something of it stays in the store'] : [];
      this.#judge(row, `case ${n} (${kind})`, end, MODEL, left);
    }
  }

  async #secondUser(): Promise<void> {
    const row = this.#row('another user of this machine was here before');
    const victim = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    this.#run.scope.defer(() => void victim.kill('SIGKILL'));
    const deeds = Object.entries(SQUATS).slice(this.#run.short ? -2 : 0);
    for (const [name, deed] of deeds) await this.#squatted(row, name, deed, victim);
  }

  /** Neither a command nor a node believes what lies there, and what it names is left alone. */
  async #squatted(row: Row, name: string, deed: string, victim: ChildProcess): Promise<void> {
    const base = openFolder(mkdtempSync(join(tmpdir(), 'vigia-squat-')));
    this.#run.scope.defer(() => rmSync(base, { recursive: true, force: true }));
    const other = await asOther(this.#run, base, deed, victim.pid ?? 0);
    const env = { XDG_RUNTIME_DIR: base, VIGIA_RUN_DIR: '', VIGIA_STATE_DIR: join(this.#folder, 'state') };
    const config = join(this.#folder, 'vigia.yml');
    writeFileSync(
      config,
      'version: 1\nnode: hostile\ncameras:\n  calm: { source: rtsp://127.0.0.1:1/x, consumers: {} }\n',
    );
    for (const args of [
      ['health', '--node', 'hostile'],
      ['run', '-c', config, '--for', '1s'],
      ['stop', '--node', 'hostile'],
    ]) {
      const end = await runVigia(this.#run, args, env, SQUATTED.limitMs * 2);
      const believed = end.code === 0 || end.stderr.includes('no picture came') ? ['it believed another user'] : [];
      const killed = victim.exitCode !== null || victim.signalCode !== null ? ['an unrelated process was killed'] : [];
      this.#judge(row, `${name}: vigia ${args[0]}`, end, SQUATTED, [...believed, ...killed]);
    }
    other.kill('SIGKILL');
    if (readdirSync(base).length === 0) this.#failures.push(`${row.name}: ${name}: nothing was prepared`);
    rmSync(base, { recursive: true, force: true });
  }

  /** A name that is taken keeps no camera down. */
  async #squattedMemory(): Promise<void> {
    const row = this.#row('a node whose segment has a name that is taken');
    for (const [way, end] of await runSquatted(this.#run))
      this.#judge(row, way, end, SQUATTED, end.code === 0 ? [] : ['its camera gave nothing']);
  }

  #table(): Table {
    return {
      title: 'Commands in processes of their own',
      columns: ['what', 'processes', 'exit codes', 'slowest, s', 'peak memory, MiB', 'failures'],
      rows: this.#rows.map(({ name, ends, failures }) => {
        const codes: Record<string, number> = {};
        for (const { code } of ends) codes[`× ${code}`] = (codes[`× ${code}`] ?? 0) + 1;
        const slowest = Math.max(...ends.map(({ tookMs }) => tookMs)) / 1000;
        return [
          name,
          String(ends.length),
          countsText(codes),
          ms(slowest),
          mib(Math.max(...ends.map(({ peakBytes }) => peakBytes))),
          String(failures),
        ];
      }),
      notes: [
        `at most ${mib(STRANGER.limitBytes)}, ${mib(MODEL.limitBytes)} and ${mib(SQUATTED.limitBytes)} MiB are allowed; the other user (numeric id, no account) needs root`,
      ],
    };
  }
}
