/** @module-tag full */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeEvent } from '@vigia/contracts';
import { afterEach, expect, test } from 'vitest';
import { type Program, startProgram } from './support/programs.ts';
import { Sandbox } from './support/vigia.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A shell with a disk of its own, that nobody else sees, and a node on it whose only camera refuses. */
class Disk {
  readonly #shell: Program;
  readonly #box: Sandbox;
  #commands = 0;

  constructor() {
    const box = new Sandbox();
    closers.push(() => box.remove());
    this.#box = box;
    // Every process in it ends with it.
    const flags = ['-r', '-m', '-p', '-f', '--mount-proc', '--kill-child'];
    this.#shell = startProgram('unshare', [...flags, 'sh'], 'pipe');
    closers.push(() => this.#shell.stop());
    const text = `version: 1\nnode: ${box.node}\ncameras:\n  hall: { source: "rtsp://127.0.0.1:1/x" }\n`;
    const env = `export VIGIA_RUN_DIR=${box.runDir} VIGIA_STATE_DIR=${box.dir}/disk/state`;
    this.run(`cd ${box.dir}; mkdir disk; mount -t tmpfs -o size=4m none disk; mkdir disk/state; ${env}`);
    box.file('vigia.yml', text);
  }

  run(command: string): void {
    this.#shell.process.stdin?.write(`${command}\n`);
  }

  start(): void {
    this.run(`${process.execPath} ${MAIN} run -c vigia.yml --json & node=$!`);
  }

  async stop(): Promise<void> {
    this.#commands += 1;
    this.run(`kill -TERM $node; wait $node; echo stopped ${this.#commands} with $?`);
    await this.#shell.line(new RegExp(`^stopped ${this.#commands} with 0$`, 'm'));
  }

  /** Resolves when the node's log or stream has said so. */
  async says(pattern: RegExp): Promise<void> {
    await this.#shell.line(pattern);
  }

  /** `vigia health` ends so, and says so. */
  async isHealthy(code: number, says: RegExp): Promise<void> {
    this.#commands += 1;
    const end = `health ${this.#commands} ends with`;
    this.run(`${process.execPath} ${MAIN} health --node ${this.#box.node}; echo "${end} $?"`);
    await this.#shell.line(new RegExp(`^${end} ${code}$`, 'm'));
    await this.#shell.line(says);
  }

  /** What the node has stored. In a file: what two programs print may lie in the middle of each other's lines. */
  async events(): Promise<NodeEvent[]> {
    this.#commands += 1;
    const file = join(this.#box.dir, `events-${this.#commands}`);
    const ask = `${process.execPath} ${MAIN} events --node ${this.#box.node} --json --limit 1000`;
    this.run(`${ask} > ${file}; echo "end of ${file}"`);
    await this.#shell.line(new RegExp(`^end of ${file}$`, 'm'));
    const stored = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    return stored.map((line) => JSON.parse(line) as NodeEvent);
  }
}

test('a disk that is read-only when the node starts: events wait, and are stored when it can be written', async () => {
  const disk = new Disk();
  for (const run of [1, 2]) {
    disk.run(`mount -o remount,ro disk; echo read-only ${run}`);
    await disk.says(new RegExp(`^read-only ${run}$`, 'm'));
    disk.start();
    const failing = 'supervisor: the store takes no events, they wait in memory: EROFS: read-only file system';
    await disk.says(new RegExp(`(?:${failing}[^]*?"state":"waiting"[^]*){${run}}`));
    await disk.isHealthy(1, /^vigia: the store takes no events, they wait in memory: EROFS/m);
    disk.run('mount -o remount,rw disk');
    await disk.says(new RegExp(`(?:supervisor: the store takes events again[^]*){${run}}`));
    await disk.isHealthy(0, /^ok/m);
    const stored = await disk.events();
    const states = stored.flatMap(({ kind, data }) =>
      kind === 'node' || kind === 'storage' ? [(data as { readonly state: string }).state] : [],
    );
    expect(states.slice((run - 1) * 4)).toEqual(['started', 'failing', 'ok']);
    expect(stored.filter(({ kind }) => kind === 'camera_state').length).toBeGreaterThan(run);
    await disk.stop();
  }
});

test('a disk that becomes full: events wait, and are stored when there is room', async () => {
  const disk = new Disk();
  disk.start();
  await disk.says(/"state":"waiting"/);
  disk.run('cat /dev/zero > disk/fill; echo full');
  await disk.says(/^full$/m);
  await disk.says(/the store takes no events, they wait in memory: .*(?:full|disk I\/O)/);
  disk.run('rm disk/fill');
  await disk.says(/supervisor: the store takes events again/);
  const stored = await disk.events();
  expect(stored.filter(({ kind }) => kind === 'storage').map(({ data }) => (data as { state: string }).state)).toEqual([
    'failing',
    'ok',
  ]);
  expect(stored[0]).toMatchObject({ kind: 'node', data: { state: 'started' } });
  await disk.stop();
});
