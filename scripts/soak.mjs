// `npm run soak -- NAME|all [options]`: builds, compiles `bench/` and runs one of the soak tests on the built packages.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { build, checkNode, fail, install, root, runBin } from './lib.mjs';

/** Every soak test, and what it proves. */
const SOAKS = {
  'torn-reads': 'no reader takes a half-written frame for whole, at any writing speed (2 min)',
  'killed-writers':
    'writers killed while writing leave no torn frames and no files, and their readers notice (3.5 min)',
  segments: 'a new segment with every frame: memory, mappings and descriptors of readers do not grow (35 s)',
  'stopped-readers': 'stopped readers cost the publisher nothing, and get the newest frame first (35 s)',
  'camera-faults':
    'two cameras, one of which misbehaves: reported states, times to detect and recover, no effect on the other (7 min)',
  surfaces:
    'everything that shows a node, asked at the same moment while a camera misbehaves: all agree, and are right (3 min)',
  'camera-zoo':
    '2,000 cameras combined at random: pictures bit-exact or counted, ages true or marked, live in time or a true reason (14 min)',
  'connect-cycles': '1,000 connections over each transport: descriptors, memory and segments do not grow (40 s)',
  'random-faults': '8 cameras with random faults, processes killed: conserved in every report, memory flat (11 min)',
  'container-deaths': 'models that crash, hang, grow or lie: reported results, times, effect on others (3 min)',
  'container-fuzz':
    'malformed messages, 10,000 at each container and at their client: answered once, correctly, without leaks (30 s)',
  api: 'requests to every route in every role, 10,000 of each, made from the schemas and spoilt: no failure, no escape, no secret (4 min)',
  streams:
    'streams cut 1,000 times over Server-Sent Events and over WebSockets: every event comes once, in order (30 s)',
  outbox:
    '100,000 events, the node killed 200 times, the broker 20 times, the disk full twice: all arrive, in order (6 min)',
  live: 'wrong offers of live video, sessions that nobody takes, viewers who do not listen, its processes killed 200 times: refused, forgotten, nobody notices (40 min)',
  page: 'the page in a tab with 8 cameras for half an hour: its memory stays flat (31 min)',
  store: '1,000 damaged stores, 1,000,000 events: never silently wrong, pages within 20 ms (12 min)',
  hostile:
    'attacks on every boundary, 10,000 cases each where they are cheap, and on a node from all sides: refused or counted, no leak (10 min)',
  'worker-faults': 'workers that crash, hang, flood or lie: reported states, times, effect on others (3 min)',
  'alarm-faults': 'somebody lies on the floor, and something dies: said to be blind, repeated, never silent (8 min)',
  'quiet-day':
    'every process dies once, a camera freezes, the broker is away; then a healthy hour on a busy machine: no alarm but the true one (2 h)',
  'small-disk':
    'a disk with room for a few minutes: files go in the right order, the list says `removed`, no recorder waits (20 min)',
  'worker-kills': '500 workers killed at random over 8 cameras: processes, memory, segments as before (2 min)',
  'recording-kills':
    '1,000 processes of a recording node killed at random, then nothing that decodes lives for 5 min: judged unit by unit (30 min)',
  'recording-storage':
    'a full, read-only, unmounted or slow disk, removed files, clock steps, lost indexes: what is missing is what the index says (4 min)',
  'recording-exact':
    'what is recorded is what the cameras sent, bit by bit, at the right time: codecs, B-frames, sound, 1 to 60 frames/s (1.5 min)',
  'recording-events':
    'the seconds before an event are in its clip, each time of 100; nothing is recorded without one (4 min)',
  'recording-players':
    'hls.js in Chromium, GStreamer and ffmpeg play recordings across gaps over HTTP: every picture, at its date (5.5 min)',
  'worker-pace': 'workers at 1 frame a second on a camera at 30: always the newest one, nothing waits anywhere (1 min)',
  consumers: '64 consumers of a 4K camera: no copies, no lost pictures, every frame accounted for (2 min)',
};

const OPTIONS = [
  ['--short', 'the same checks in a few seconds each, as in npm run test:full'],
  ['--markdown', 'tables as Markdown'],
  [
    '--only=PART,PART',
    'camera-faults, surfaces, container-fuzz, store, recording-storage, quiet-day: only rows, sides, parts or days whose name has one of these',
  ],
  ['--only=JSON', 'camera-zoo: one combination, as a failure prints it'],
  ['--only=PART:SEED', 'hostile: a boundary, with the seed of a failure; PART:SEED:CASE for one case'],
];

const INTERRUPTED = 130;

function help() {
  const proofs = Object.entries({ ...SOAKS, all: 'all of them, one after another (more than two hours)' }).map(
    ([name, line]) => `  ${name.padEnd(18)}${line}`,
  );
  const options = OPTIONS.map(([option, text]) => `  ${option.padEnd(18)}${text}`);
  return `npm run soak -- NAME[,NAME…] [--short] [--markdown]

${proofs.join('\n')}

${options.join('\n')}

Exit code 0 when everything held. Details and the last run: docs/reference/soaks.md
`;
}

function programOf(name) {
  return join(root, 'bench/dist/soak', `${name}.js`);
}

/**
 * Runs one soak test in its own process, and interrupts it with this one. Resolves with its exit code and the sentences
 * that say what failed.
 */
function runAlone(name, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programOf(name), ...args], { stdio: ['inherit', 'inherit', 'pipe'] });
    const failures = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      process.stderr.write(`${line}\n`);
      if (line.startsWith('vigia: soak ')) failures.push(line);
    });
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.once('error', reject);
    child.once('close', (code) => {
      for (const signal of signals) process.off(signal, pass);
      resolve({ code: code ?? 1, failures });
    });
  });
}

/**
 * Proofs that wait more than they compute, the longest first: in the short form some run at a time. The quiet ones judge
 * ages or memory, and leave a core idle. The others run alone: they fill both cores by themselves (worker-faults starts
 * twenty interpreters at a time).
 */
const WAITING = [
  'small-disk',
  'container-deaths',
  'camera-faults',
  'surfaces',
  'outbox',
  'recording-storage',
  'alarm-faults',
  'recording-kills',
  'recording-events',
  'recording-players',
  'random-faults',
  'worker-kills',
  'connect-cycles',
  'api',
  'streams',
  'live',
];
const QUIET = [
  'quiet-day',
  'page',
  'camera-zoo',
  'recording-exact',
  'hostile',
  'worker-pace',
  'consumers',
  'container-fuzz',
  'segments',
];

/** Runs proofs, also after one that failed, so many at a time. Resolves with how each ended. */
async function runEach(names, args, lanes) {
  const results = [];
  const queue = [...names];
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const startedMs = performance.now();
      const { code, failures } = await runAlone(name, args);
      if (code === INTERRUPTED) process.exit(INTERRUPTED);
      results.push({ name, code, failures, seconds: (performance.now() - startedMs) / 1000 });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}

/** Runs several proofs, also after one that failed. */
async function runSeveral(names, args) {
  const some = (of) => (args.includes('--short') ? of.filter((name) => names.includes(name)) : []);
  const [quiet, waiting] = [some(QUIET), some(WAITING)];
  const alone = names.filter((name) => !quiet.includes(name) && !waiting.includes(name));
  const results = [
    ...(await runEach(alone, args, 1)),
    ...(await runEach(quiet, args, 2)),
    ...(await runEach(waiting, args, 3)),
  ];
  for (const { name, code, seconds } of results)
    process.stderr.write(`${code === 0 ? 'held    ' : 'NOT HELD'}  ${name} (${seconds.toFixed(0)} s)\n`);
  // Once more: what failed stands far above, and a shortened log has only its end.
  for (const { failures } of results) for (const line of failures) process.stderr.write(`${line}\n`);
  process.exit(results.every(({ code }) => code === 0) ? 0 : 1);
}

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || [name, ...rest].some((word) => word === '--help' || word === '-h')) {
  process.stdout.write(help());
  process.exit(0);
}
const names = name === 'all' ? Object.keys(SOAKS) : name.split(',');
const strange = names.find((one) => !Object.hasOwn(SOAKS, one));
if (strange !== undefined) {
  process.stderr.write(`vigia: there is no proof "${strange}"; there are ${Object.keys(SOAKS).join(', ')} and all\n`);
  process.exit(2);
}
const unknown = rest.find((word) => !OPTIONS.some(([option]) => option.split('=')[0] === word.split('=')[0]));
if (unknown !== undefined) {
  process.stderr.write(`vigia: there is no option "${unknown}"; there are ${OPTIONS.map(([o]) => o).join(' and ')}\n`);
  process.exit(2);
}
checkNode();
await install();
await build();
if ((await runBin('tsc', ['-p', 'bench/tsconfig.json'])) !== 0) {
  fail('the proofs do not compile; the compiler’s words are above');
}
if (names.length > 1) await runSeveral(names, rest);
// In this process: Ctrl-C then has one process less between it and the cleanup.
process.argv.splice(2, Number.POSITIVE_INFINITY, ...rest);
await import(pathToFileURL(programOf(name)).href);
