/**
 * Tens of thousands of malformed messages on either side of the container protocol: at our container and the Python
 * SDK's, and at the client of a camera process. Every one is answered exactly once and correctly, and leaves nothing
 * behind.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containerEntry } from '@vigia/model-container';
import { countsText } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { repositoryFile } from './child.ts';
import { ClientFuzz, type ClientOutcome } from './container-fuzz/client-side.ts';
import { ServerFuzz, type ServerOutcome, type Target } from './container-fuzz/server-side.ts';
import { mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const AGENT = new URL('container-fuzz-agent.js', import.meta.url).href;
const PYTHON = '/usr/bin/python3';

function targets(folder: string): readonly Target[] {
  const socket = (name: string): string => join(folder, `${name}.sock`);
  const module = repositoryFile('packages/model-container/test/conformance/bright.mjs');
  const args = (name: string): string[] => ['--socket', socket(name), '--model-id', name];
  return [
    {
      name: 'our container',
      modelId: 'node',
      socketPath: socket('node'),
      command: process.execPath,
      args: ['--import', AGENT, containerEntry, '--module', module, ...args('node')],
      tellsLive: true,
    },
    {
      name: 'Python SDK',
      modelId: 'python',
      socketPath: socket('python'),
      command: '/usr/bin/env',
      args: [`PYTHONPATH=${repositoryFile('sdk/python')}`, PYTHON, '-m', 'vigia.container.bright', ...args('python')],
      tellsLive: false,
    },
  ];
}

function kindsTable(outcomes: readonly ServerOutcome[]): Table {
  const names = [...new Set(outcomes.flatMap(({ kinds }) => [...kinds.keys()]))];
  return {
    title: 'What was sent to containers, and how it was answered',
    columns: ['what', 'cases each', ...outcomes.map(({ name }) => name)],
    rows: names.map((kind) => {
      const cases = String(outcomes[0]?.kinds.get(kind)?.cases ?? 0);
      return [kind, cases].concat(outcomes.map(({ kinds }) => countsText(kinds.get(kind)?.verdicts ?? {})));
    }),
  };
}

function containersTable(outcomes: readonly ServerOutcome[]): Table {
  return {
    title: 'Containers',
    columns: [
      'container',
      'cases',
      'answers',
      'right requests in between',
      'wrong',
      'kept alive MiB',
      'anonymous MiB',
      'descriptors',
      's',
    ],
    rows: outcomes.map(({ name, cases, answers, good, failures, before, after, seconds }) => [
      name,
      String(cases),
      String(answers),
      String(good),
      String(failures.length),
      before.live === undefined || after.live === undefined ? '–' : `${mib(before.live)} → ${mib(after.live)}`,
      `${mib(before.anonymous)} → ${mib(after.anonymous)}`,
      `${before.descriptors} → ${after.descriptors}`,
      seconds.toFixed(0),
    ]),
    notes: [
      'memory: after 30 % of the cases → at the end; alive: heap and external memory of both threads after full collections',
      'descriptors: before the first → after the last connection',
    ],
  };
}

function clientTable({ kinds, facts }: ClientOutcome): Table {
  return {
    title: 'What was answered to the client, and what became of the picture',
    columns: ['what', 'cases', 'results'],
    rows: [...kinds].map(([kind, { cases, verdicts }]) => [kind, String(cases), countsText(verdicts)]),
    notes: facts,
  };
}

async function attack(run: SoakRun, seed: number, cases: number): Promise<readonly ServerOutcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-fuzz-'));
  run.scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const outcomes: ServerOutcome[] = [];
  for (const target of targets(folder)) {
    if (run.only.length > 0 && !run.only.some((part) => target.name.includes(part))) continue;
    outcomes.push(await new ServerFuzz(run, target, seed).play(cases));
  }
  return outcomes;
}

await runSoak('container-fuzz', async (run): Promise<SoakResult> => {
  const cases = run.short ? 500 : 10_000;
  const seed = Number(process.env['VIGIA_FUZZ_SEED'] ?? randomInt(2 ** 31));
  run.progress(`${cases} cases on each side, seed ${seed}`);
  const servers = await attack(run, seed, cases);
  const tables: Table[] = servers.length > 0 ? [kindsTable(servers), containersTable(servers)] : [];
  const failures = servers.flatMap((outcome) => outcome.failures);
  if (run.only.length === 0 || run.only.some((part) => 'client'.includes(part))) {
    const client = await new ClientFuzz(run, seed).play(cases);
    tables.push(clientTable(client));
    failures.push(...client.failures);
  }
  const last = tables.at(-1) as Table;
  const seeded = `seed ${seed}; VIGIA_FUZZ_SEED=${seed} plays the same cases again`;
  tables[tables.length - 1] = { ...last, notes: [...(last.notes ?? []), seeded] };
  return { tables, failures: failures.length > 0 ? [...failures, seeded] : [] };
});
