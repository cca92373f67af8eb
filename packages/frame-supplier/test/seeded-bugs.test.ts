/** @module-tag full */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

/**
 * Tests the conformance suite: a copy of the package gets one bug, and the suite runs against the copy. Each case names
 * the test that must fail.
 */

const packageDir = fileURLToPath(new URL('..', import.meta.url));
const pythonDir = fileURLToPath(new URL('../../../sdk/python', import.meta.url));
// Inside the package, so that the copy's imports resolve.
const scratch = join(packageDir, 'node_modules', '.cache', `seeded-${process.pid}`);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface SeededBug {
  readonly bug: string;
  /** A built file of the package, or a file of the Python SDK. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The readers to test. */
  readonly transport: string;
  /** The test that must fail. */
  readonly caught: string;
}

const BUGS: readonly SeededBug[] = [
  {
    bug: 'a mailbox keeps what it holds instead of the newer frame',
    file: 'dist/loop/mailbox.js',
    from: 'if (frame.seq < (held?.seq ?? this.#lastConsumedSeq ?? 0)) {',
    to: 'if (held) {',
    transport: 'in one loop',
    caught: 'the newest frame wins, and what it replaced is counted',
  },
  {
    bug: 'a drop by the gate is counted as an overwritten frame',
    file: 'dist/loop/mailbox.js',
    from: "'overwritten' : 'gated'",
    to: "'overwritten' : 'overwritten'",
    transport: 'in one loop',
    caught: 'a gate lets through what is due by its rule, and counts the rest apart',
  },
  {
    bug: 'listed readers are never woken',
    file: 'dist/thread/wake-list.js',
    from: 'this.#notify(seat);',
    to: '',
    transport: 'worker threads that keep their loop',
    caught: 'a frame wakes every waiting reader',
  },
  {
    bug: 'a reader takes what was offered to it, though it slept through newer frames',
    file: 'dist/seats/seat-reader.js',
    from: 'attempt.declined || !this.#o.view.wanted',
    to: 'true',
    transport: 'worker threads that block',
    caught: 'giving up leaves the reader usable, and what it then gets is the newest',
  },
  {
    bug: 'a reader that requests a pending frame does not ring',
    file: 'dist/thread/thread-frame-reader.js',
    from: 'Atomics.notify(attention, 0, 1);',
    to: '',
    transport: 'worker threads that keep their loop',
    caught: 'the newest frame wins, and what it replaced is counted',
  },
  {
    bug: 'a slot counts as free while it is being read',
    file: 'dist/segment/slot-ring.js',
    from: 'this.#holders[slot] = 1;',
    to: 'this.#holders[slot] = 0;',
    transport: 'processes that block',
    caught: 'a slow reader delays no other, and the frame it holds is not overwritten',
  },
  {
    bug: 'a reader whose socket closed keeps its seat',
    file: 'dist/process/reader-connection.js',
    from: 'this.#seat?.readerGone();',
    to: '',
    transport: 'processes that keep their loop',
    caught: 'ids are unique while subscribed, and free again afterwards; what was pending is `closed`',
  },
  {
    bug: 'the Python reader stays with the segment it knows',
    file: 'python:vigia/_reader.py',
    from: 'if self._segment is None or self._segment.epoch != epoch:',
    to: 'if self._segment is None:',
    transport: 'Python processes on a socket',
    caught: 'a picture of another size comes through a segment of its own',
  },
];

/** A copy with the bug in it, and the environment for running the suite against it. */
function seed({ file, from, to }: SeededBug): NodeJS.ProcessEnv {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const python = file.startsWith('python:');
  const source = python ? pythonDir : packageDir;
  for (const part of python ? ['vigia', 'tests'] : ['package.json', 'dist'])
    cpSync(join(source, part), join(scratch, part), { recursive: true });
  const path = join(scratch, file.replace('python:', ''));
  const text = readFileSync(path, 'utf8');
  expect(text.split(from).length, `${from} must be in ${file} once`).toBe(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  return python
    ? { VIGIA_PYTHON_AGENT: join(scratch, 'tests', 'agent.py') }
    : { VIGIA_FRAME_SUPPLIER: pathToFileURL(join(scratch, 'dist', 'index.js')).href };
}

describe('the suite catches', () => {
  test.each(BUGS.map((bug) => [bug.transport, bug.bug, bug] as const))('%s: %s', (_transport, _bug, bug) => {
    const env = { ...process.env, ...seed(bug), VIGIA_CONFORMANCE_PATIENCE_MS: '1500' };
    const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
    const args = ['run', '--project', 'shared', 'packages/frame-supplier/test/conformance.test.ts'];
    const { stdout, status } = spawnSync(
      process.execPath,
      [vitest, ...args, '--bail', '1', '--reporter', 'json', '-t', `the contract: ${bug.transport} ${bug.caught}`],
      { cwd: fileURLToPath(new URL('../../..', import.meta.url)), env, encoding: 'utf8', timeout: 60_000 },
    );
    const report = JSON.parse(stdout) as {
      testResults: { assertionResults: { status: string; title: string }[] }[];
    };
    const results = report.testResults.flatMap((file) => file.assertionResults);
    expect(status).toBe(1);
    expect(results.filter((r) => r.status === 'failed').map((r) => r.title)).toEqual([bug.caught]);
  });
});
