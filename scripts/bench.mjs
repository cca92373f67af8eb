// `npm run bench -- NAME [options]`: builds, compiles `bench/` and runs one of its programs on the built packages.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, fail, install, root, runBin } from './lib.mjs';

/** Every benchmark: what it measures, its command line and its options. */
const BENCHMARKS = {
  e2e: {
    line: 'camera to result: latencies, age and cost with 1 and 4 cameras, recovery times (about 4 minutes)',
    usage: '[--seconds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 4 to 3600 (20)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  capture: {
    line: 'network to rendition, compared with ffmpeg and libav; CPU and memory per camera; cameras that fit (about 15 minutes)',
    usage: '[--seconds N] [--rounds N] [--only NAME[,NAME]] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 2 to 600 (8)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (3)'],
      ['--only NAME,NAME', 'any of throughput, arrival, cost, density'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  isolation: {
    line: 'effect of a camera that is a black hole on 15 others, with an A/A control (about 10 minutes)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 2 to 600 (12)'],
      ['--rounds N', 'rounds of three windows, 1 to 100 (8)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  live: {
    line: 'live video in a browser: delay from camera to screen, time to the first picture, cost per viewer (about 6 minutes; needs Chromium and ffmpeg)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 3 to 600 (15)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (3)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  model: {
    line: 'a model container compared with a bare onnxruntime loop; cost of a request compared with others (about 6 minutes)',
    usage: '[--seconds N] [--rounds N] [--threads N] [--peers DIR] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 1 to 600 (5)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (6)'],
      ['--threads N', 'threads of one inference, 1 to 64 (1)'],
      ['--peers DIR', 'sources of the peers (../shared/peers beside the repository)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  overload: {
    line: '8 cameras on one detector at 1, 2, 5 and 20 times its capacity, compared with an ordinary queue (about 6 minutes)',
    usage: '[--seconds N] [--plot FILE.svg] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 5 to 600 (20)'],
      ['--plot FILE.svg', 'plot of ages over time'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  contention: {
    line: 'a critical detector beside best-effort workers that take all CPU: with and without nice and shedding (about 5 minutes)',
    usage: '[--seconds N] [--plot FILE.svg] [--markdown]',
    options: [
      ['--seconds N', 'length of each run, 30 to 600 (60): the workers are busy from a sixth to two thirds of it'],
      ['--plot FILE.svg', 'plot of ages over time'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  care: {
    line: 'labelled falls and everyday activity through the real chain: what is detected, how late, and what is not (footage: as long as it lasts, by the number of clips at once)',
    usage: '--footage DIR --labels FILE [--fps N] [--only PART] [--long-lie] [--overload N] [--json | --markdown]',
    options: [
      ['--footage DIR', 'folder of the clips'],
      ['--labels FILE', 'a line of JSON per clip: file, seconds, fps, true_fps, falls [{start_s, down_s}]'],
      ['--fps N', 'results a second, 1 to 15 (5)'],
      ['--only PART', 'clips with this in their names'],
      ['--long-lie', 'people who lie and were never upright, in place of falls'],
      ['--overload N', 'beside cameras that want N times what the model can do, 0 to 10 (0)'],
      ['--json', 'the figures as JSON'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  'fall-limits': {
    line: 'the fall rule in rooms that its numbers were not chosen in: each source of labelled clips left out while they are chosen (about 6 minutes)',
    usage: '--footage DIR --labels FILE [--fps N] [--only PART] [--lost SHARE] [--markdown]',
    options: [
      ['--footage DIR', 'folder of the clips'],
      ['--labels FILE', 'as for `care`'],
      ['--fps N', 'results a second, 1 to 15 (5)'],
      ['--only PART', 'clips with this in their names'],
      ['--lost SHARE', 'share of the second looks that get no answer, 0 to 1 (0)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  beds: {
    line: 'who gets into a bed and out of it, in composed nights through the real chain: what is seen, how late (3 min)',
    usage: '--footage DIR --labels FILE [--fps N] [--json | --markdown]',
    options: [
      ['--footage DIR', 'folder of the clips: those of GMDCSA24'],
      ['--labels FILE', 'a line of JSON per clip: file, seconds, bed [{what, from_s, to_s}]'],
      ['--fps N', 'results a second, 1 to 7 (5)'],
      ['--json', 'the figures as JSON'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  door: {
    line: 'how late results arrive at the broker and at the control socket while the HTTP port is under load (about 3 minutes; needs mosquitto)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 1 to 600 (8)'],
      ['--rounds N', 'rounds in which the loads alternate, 1 to 100 (3)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  recording: {
    line: '16 cameras recorded, compared with ffmpeg; ages of results of 8 and 16 cameras with and without recording (about 10 minutes)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 2 to 600 (20)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (3)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  start: {
    line: 'what starting a process or a command costs, as modules and as bundles (about a minute)',
    usage: '[--rounds N] [--markdown]',
    options: [
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (9)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  supplier: {
    line: 'publisher to consumer, alternating with the Go original and GStreamer (about 7 minutes)',
    usage: '[--seconds N] [--rounds N] [--only NAME[,NAME]] [--peers DIR] [--markdown | --json]',
    options: [
      ['--seconds N', 'length of each measured window, 1 to 3600 (3)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 1000 (5)'],
      ['--only NAME,NAME', 'these variants, and the peers that they are compared with'],
      ['--peers DIR', 'sources of the peers (../shared/peers beside the repository); built elsewhere'],
      ['--markdown', 'tables as Markdown'],
      ['--json', 'every round of every variant, as JSON'],
    ],
  },
  streams: {
    line: 'age of results with 200 clients of the streams, 20 of which never read, and without, by turns (about 6 minutes)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 2 to 600 (60)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (2)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  tracking: {
    line: 'identities that the tracker keeps on the pedestrians clip, and its cost with 50 people (seconds)',
    usage: '[--markdown]',
    options: [['--markdown', 'tables as Markdown']],
  },
  tracing: {
    line: 'CPU of the node per result and age of results, with traces off and on, by turns in one node (about a minute)',
    usage: '[--seconds N] [--rounds N] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 1 to 600 (3)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (3)'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
  worker: {
    line: '1080p frames to workers: bytes on standard input, alternating with references to shared memory (about 5 minutes)',
    usage: '[--seconds N] [--rounds N] [--short] [--markdown]',
    options: [
      ['--seconds N', 'length of each measured window, 1 to 600 (4)'],
      ['--rounds N', 'rounds in which the variants alternate, 1 to 100 (5)'],
      ['--short', 'one round of windows of 1 s: about half a minute'],
      ['--markdown', 'tables as Markdown'],
    ],
  },
};

function help() {
  const texts = Object.entries(BENCHMARKS).map(([name, { line, usage, options }]) => {
    const rows = options.map(([option, text]) => `      ${option.padEnd(18)}${text}`);
    return `  ${name} ${usage}\n      ${line}\n${rows.join('\n')}`;
  });
  return `npm run bench -- NAME [options]\n\n${texts.join('\n\n')}\n\nExplanation of the numbers: docs/reference/benchmarks.md\n`;
}

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || [name, ...rest].includes('--help') || name === '-h') {
  process.stdout.write(help());
  process.exit(0);
}
if (!Object.hasOwn(BENCHMARKS, name)) {
  process.stderr.write(`vigia: there is no benchmark "${name}"; there are ${Object.keys(BENCHMARKS).join(', ')}\n`);
  process.exit(2);
}
checkNode();
await install();
await build();
if ((await runBin('tsc', ['-p', 'bench/tsconfig.json'])) !== 0) {
  fail('the benchmarks do not compile; the compiler’s words are above');
}
// In this process: Ctrl-C then has one process less between it and the cleanup.
process.argv.splice(2, Number.POSITIVE_INFINITY, ...rest);
await import(pathToFileURL(join(root, 'bench/dist', `${name}.js`)).href);
