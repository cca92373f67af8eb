/**
 * The kill storm over recordings: a real node that records four simulated cameras, one of them with a worker, one with a
 * model. Every kind of process is killed at random moments, the supervisor too; then nothing that decodes or infers lives for
 * minutes. The files are judged against what the cameras sent, unit by unit: each unit carries the time of its sending.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scope, sleep, systemClock } from '@vigia/base';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { repositoryFile } from './child.ts';
import { decodeErrors, type Recorded, recordedIn } from './recordings/files.ts';
import { disagreements, listed, overlaps } from './recordings/index-check.ts';
import { makeClip, RecordedCamera } from './recordings/recorded-camera.ts';
import { judgeSessions, type Kill, type SessionVerdict, wrongOf } from './recordings/sessions.ts';
import { type Blind, DEATH_MS, ids, Storm, VICTIMS } from './recordings/storm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** It ends in a second or two; the machine may be busy. */
const FINISH_MS = 20_000;
const WORKER = repositoryFile('bench/soak/recordings/echo-worker.mjs');
const FPS = 15;
const ROUNDS = { long: 84, short: 1 } as const;
/** What the kill of a recorder may cost before it: a fragment's half second, and the frame that was under way. Milliseconds. */
const LOST_MS = 500 + 1_000 / FPS;
/** Results that were under way when everything stopped. Milliseconds. */
const LATE_MS = 1_000;
/** Files that are decoded in the short form. */
const SAMPLE = 12;
/** Overrides the random seed. */
const SEED_VARIABLE = 'VIGIA_SOAK_SEED';

async function startNode(run: SoakRun, dir: string, cameras: readonly RecordedCamera[]): Promise<VigiaNode> {
  const { signal, progress } = run;
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  const footage = join(dir, 'footage');
  mkdirSync(footage);
  const consumers: Readonly<Record<string, string>> = {
    worked: '{ echo: { worker: echo, fps: 5 } }',
    modelled: '{ people: { model: ssdlite, fps: 1, deadline_ms: 2000 } }',
  };
  const top = `workers:
  echo:
    command: [${process.execPath}, ${WORKER}]
    input: { format: GRAY8, width: 160, height: 90 }
    restart: { delays_ms: [100], unlimited: true }
storage: { path: ${footage}, min_free: 1MB }
`;
  return VigiaNode.start(
    { signal, scope, seconds: 0, progress },
    Object.fromEntries(cameras.map(({ id, camera }) => [id, camera.url])),
    (id) => consumers[id] ?? '{}',
    'record: { mode: always }',
    { top },
  );
}

/** What decoding says of files. @param most So many, spread over all of them. */
async function undecodable(files: readonly Recorded[], most: number): Promise<string[]> {
  const step = Math.max(1, Math.ceil(files.length / most));
  const out: string[] = [];
  for (const file of files.filter((_, i) => i % step === 0)) {
    const text = await decodeErrors(file);
    if (text !== '') out.push(`${file.path} does not decode: ${text.split('\n')[0]}`);
  }
  return out;
}

function judged(
  storm: Storm,
  cameras: readonly RecordedCamera[],
  files: readonly Recorded[],
  untilMs: number,
): SessionVerdict[] {
  return cameras.flatMap(({ id, sent }) => {
    const marks = new Set(files.filter(({ camera }) => camera === id).flatMap((file) => file.marks));
    return judgeSessions(id, sent, marks, storm.kills, untilMs);
  });
}

function wrongFiles(files: readonly Recorded[]): string[] {
  const marks = files.flatMap((file) => file.marks.map((mark) => `${file.camera} ${mark}`));
  const twice = marks.length - new Set(marks).size;
  const miscounted = files.filter(
    ({ segment, marks: found }) => segment.fragments.reduce((sum, { pictures }) => sum + pictures, 0) !== found.length,
  );
  return [
    ...overlaps(files, 500 / FPS),
    ...(twice > 0 ? [`${twice} units are recorded twice`] : []),
    ...miscounted.map(({ path }) => `${path} has other pictures than its boxes say`),
  ];
}

/** The judge must notice a missing unit in the middle of a session, and a recorder that stood still before its end. */
function controls(
  storm: Storm,
  cameras: readonly RecordedCamera[],
  files: readonly Recorded[],
  stopped: readonly string[],
  untilMs: number,
): string[] {
  const spoilt = files.map((file, i) => (i === 0 ? { ...file, marks: file.marks.toSpliced(1, 1) } : file));
  const noticed = wrongOf(judged(storm, cameras, spoilt, untilMs), LOST_MS).some((text) =>
    text.includes('before its last'),
  );
  return [
    ...(noticed ? [] : ['control: a unit that was taken out of a recording was not noticed']),
    ...(stopped.length > 0
      ? []
      : ['control: a recorder that stood still for 2 s before it was killed was not noticed']),
  ];
}

function tablesOf(
  storm: Storm,
  verdicts: readonly SessionVerdict[],
  files: readonly Recorded[],
  seed: number,
): Table[] {
  const row = (name: string, of: Kill['of']): string[] => {
    const ended = verdicts.filter(({ kill }) => kill?.of === of);
    const lost = ended.map((verdict) => verdict.lostMs);
    const after = verdicts.flatMap((verdict, i) => {
      const before = verdicts[i - 1];
      const follows = before?.camera === verdict.camera && before.kill?.of === of;
      return follows && verdict.reconnectMs !== undefined ? [verdict.reconnectMs] : [];
    });
    const units = ended.reduce((sum, { lostAtEnd }) => sum + lostAtEnd, 0);
    const cells = [quantile(lost, 0.5), quantile(lost, 1), quantile(after, 0.5), quantile(after, 1)].map(ms);
    return [name, String(storm.counts.get(of) ?? 0), String(ended.length), String(units), ...cells];
  };
  const others = VICTIMS.filter(({ kind }) => kind !== 'recorder' && kind !== 'supervisor');
  return [
    {
      title: `${[...storm.counts.values()].reduce((a, b) => a + b, 0)} kills, ${ids.length} recorded cameras at ${FPS} frames/s, seed ${seed}`,
      columns: [
        'killed',
        'times',
        'connections ended',
        'units lost before it',
        'ms p50',
        'ms most',
        'until recorded again, ms p50',
        'most',
      ],
      rows: [
        row('recorder (ingest)', 'recorder'),
        row('supervisor', 'supervisor'),
        ...others.map(({ kind }) => [kind, String(storm.counts.get(kind) ?? 0), '0', '0', '–', '–', '–', '–']),
      ],
      notes: [
        `${files.length} segments; ${verdicts.reduce((sum, { units }) => sum + units, 0)} units sent in ${verdicts.length} connections`,
        'units lost before it: sent to a recorder that was then killed, and not in its file; ms: since the first of them',
        'until recorded again: from the kill to the first unit that is recorded, a keyframe; there is one each second',
      ],
    },
  ];
}

/** What is recorded of the time in which nothing decoded or inferred. */
function darkness(
  { fromMs, toMs, ended }: Blind,
  node: VigiaNode,
  cameras: readonly RecordedCamera[],
  files: readonly Recorded[],
): { readonly table: Table; readonly wrong: readonly string[] } {
  const seconds = ((toMs - fromMs) / 1000).toFixed(0);
  const isIn = ({ atMs }: { readonly atMs: number }): boolean => atMs >= fromMs + LATE_MS && atMs < toMs;
  const results = (id: string): number =>
    node.results().filter((one) => isIn(one) && one.result.camera === id && one.result.status === 'ok').length;
  const judgements = cameras.map(({ id, sent }) => {
    const units = sent.filter(isIn);
    const marks = new Set(files.filter(({ camera }) => camera === id).flatMap((file) => file.marks));
    const missing = units.filter(({ mark }) => !marks.has(mark)).length;
    return { id, sent: units.length, missing, results: results(id) };
  });
  return {
    table: {
      title: `Nothing that decodes or infers for ${seconds} s: stopped at first, then ${ended} processes killed as they came`,
      columns: ['camera', 'units sent', 'missing', 'results'],
      rows: judgements.map((one) => Object.values(one).map(String)),
      notes: [],
    },
    wrong: judgements.flatMap(({ id, sent, missing, results: seen }) => {
      if (sent === 0) return [`${id} sent nothing while nothing decoded`];
      if (missing > 0) return [`${id}: ${missing} of ${sent} units are missing while nothing decoded`];
      return seen > 0 ? [`${id} had ${seen} results though nothing was to infer`] : [];
    }),
  };
}

await runSoak('recording-kills', async (run): Promise<SoakResult> => {
  const seed = Number(process.env[SEED_VARIABLE] ?? randomInt(2 ** 31));
  run.progress(`seed ${seed} (${SEED_VARIABLE} sets it)`);
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-kills-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const clip = await makeClip(dir, 'clip', { fps: FPS });
  const cameras: RecordedCamera[] = [];
  for (const id of ids) cameras.push(await RecordedCamera.start(run, id, cameras[0]?.camera.clip ?? clip));
  const node = await startNode(run, dir, cameras);
  const storm = new Storm(run, node, cameras, seed);
  await storm.allRecord();
  await storm.rage(ROUNDS[run.short ? 'short' : 'long']);
  await sleep(systemClock, DEATH_MS, run.signal);
  await storm.allRecord();
  const blind = await storm.blind();
  await storm.allRecord();
  // The control kills a recorder: what came before must have been written.
  await sleep(systemClock, LATE_MS, run.signal);
  const controlFromMs = systemClock.nowMs();
  await storm.stopThenKill();
  await storm.allRecord();
  await sleep(systemClock, 1_000, run.signal);
  const untilMs = systemClock.nowMs();
  await storm.quiet();
  const index = await listed(node);
  const files = await recordedIn(join(dir, 'footage'));
  await node.finish(FINISH_MS);
  run.progress(`${files.length} segments are judged`);
  const verdicts = judged(storm, cameras, files, untilMs);
  const isControl = ({ kill }: SessionVerdict): boolean => (kill?.atMs ?? 0) > controlFromMs;
  const stopped = wrongOf(verdicts.filter(isControl), LOST_MS).filter((text) => text.includes('before the kill'));
  const dark = darkness(blind, node, cameras, files);
  const failures = [
    ...storm.failures,
    ...dark.wrong,
    ...wrongOf(
      verdicts.filter((verdict) => !isControl(verdict)),
      LOST_MS,
    ),
    ...wrongFiles(files),
    ...ids.flatMap((id) =>
      disagreements(
        id,
        index[id] ?? { spans: [], gaps: [] },
        files.filter(({ camera }) => camera === id),
      ),
    ),
    ...(await undecodable(files, run.short ? SAMPLE : Number.POSITIVE_INFINITY)),
    ...node.leftovers().map((name) => `left behind: ${name}`),
    ...controls(storm, cameras, files, stopped, untilMs),
  ];
  return {
    tables: [
      ...tablesOf(
        storm,
        verdicts.filter((verdict) => !isControl(verdict)),
        files,
        seed,
      ),
      dark.table,
    ],
    failures,
  };
});
