// `npm test`, `npm run check`, `npm run test:full`: what must hold before a change lands, in order of how soon it can fail.
import { existsSync } from 'node:fs';
import { changedSince } from './changed.mjs';
import { build, checkNode, fail, install, mayInstallDebian, output, root, run, runBin } from './lib.mjs';

/** Debian packages that only tests need, and a file that each brings. */
const DEBIAN = {
  mosquitto: '/usr/sbin/mosquitto',
  'mosquitto-clients': '/usr/bin/mosquitto_sub',
  ffmpeg: '/usr/bin/ffmpeg',
  openssl: '/usr/bin/openssl',
  'python3-numpy': '/usr/lib/python3/dist-packages/numpy/__init__.py',
  'python3-prometheus-client': '/usr/lib/python3/dist-packages/prometheus_client/__init__.py',
};
/** Those that only `npm run test:full` needs. */
const DEBIAN_FULL = {
  'python3-gi': '/usr/lib/python3/dist-packages/gi/__init__.py',
  chromium: '/usr/bin/chromium',
  'gir1.2-gstreamer-1.0': '/usr/share/doc/gir1.2-gstreamer-1.0/copyright',
  'gir1.2-gst-rtsp-server-1.0': '/usr/share/doc/gir1.2-gst-rtsp-server-1.0/copyright',
  'gstreamer1.0-plugins-base': '/usr/share/doc/gstreamer1.0-plugins-base/copyright',
  'gstreamer1.0-plugins-good': '/usr/share/doc/gstreamer1.0-plugins-good/copyright',
  'gstreamer1.0-plugins-bad': '/usr/share/doc/gstreamer1.0-plugins-bad/copyright',
  'gstreamer1.0-libav': '/usr/share/doc/gstreamer1.0-libav/copyright',
  'gstreamer1.0-plugins-ugly': '/usr/share/doc/gstreamer1.0-plugins-ugly/copyright',
};
/**
 * Long proofs whose short form stays in `npm test`: no torn read, conservation under faults, no event lost. That a
 * killed recorder loses nothing else is in packages/runtime/test/recordings.test.ts.
 */
const GUARDS = ['torn-reads', 'random-faults', 'outbox'];

async function installDebian(packages) {
  const missing = Object.entries(packages)
    .filter(([name, file]) => !existsSync(file) && !output('dpkg', ['-s', name]))
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (!mayInstallDebian())
    fail(
      `the tests need Debian packages that are not here: sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    );
  process.stderr.write(`vigia: installing Debian packages for the tests: ${missing.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  const code = await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (code !== 0) fail(`apt-get could not install ${missing.join(' ')}`);
}

const took = [];

async function step(name, command) {
  process.stderr.write(`\n── ${name}\n`);
  const start = performance.now();
  const code = await command();
  if (code !== 0) fail(`${name}: failed`);
  took.push(`${((performance.now() - start) / 1000).toFixed(0).padStart(6)} s  ${name}`);
}

const HELP = `npm test [-- OPTION]

What must hold before a change lands: format, lint, types, project rules, unused code, unit tests, system tests on the
built files, and three long proofs in their short form.

  --changed          only the tests that can notice what changed since the last commit, uncommitted files included
  --changed=COMMIT   the same since COMMIT: a branch, a tag, a hash
  --check            without system tests and proofs (npm run check)
  --full             with everything else: the system tests that need Chromium or GStreamer or take long, and all
                     proofs in their short form (npm run test:full)
`;

/** Which tests are run. False or none: none of the kind. */
function scopeOf(args) {
  const [word, ...more] = args;
  const all = { python: true, unit: [], system: [], proofs: GUARDS, full: false };
  if (word === undefined) return { name: 'npm test', ...all };
  if (word === '--help' || word === '-h') {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const since = /^--changed(?:=(.+))?$/.exec(word);
  if (more.length > 0 || !(since || word === '--check' || word === '--full'))
    fail(`npm test: found "${args.join(' ')}", allowed is one of --changed, --changed=COMMIT, --check and --full`, 2);
  if (word === '--check') return { ...all, name: 'npm run check', system: false, proofs: [] };
  if (word === '--full') return { ...all, name: 'npm run test:full', proofs: ['all'], full: true };
  return { name: 'what the change can affect', full: false, ...scopeOfChange(changedSince(since[1])) };
}

function scopeOfChange({ since, files, packages, soaks, python }) {
  process.stderr.write(
    `vigia: since ${since}, ${files.length} files changed; affected packages: ${packages.join(', ') || 'none'}\n`,
  );
  if (soaks.length > 0)
    process.stderr.write(`vigia: proofs of what changed: npm run soak -- ${soaks.join(',')} --short\n`);
  const any = packages.length > 0;
  return {
    python,
    unit: any && packages.map((name) => `/${name}/src/`),
    system: any && packages.map((name) => `packages/${name}/test/`),
    proofs: [],
  };
}

const scope = scopeOf(process.argv.slice(2));
checkNode();
await install();
// Unit tests read clips with ffmpeg, too.
if (scope.unit || scope.python) await installDebian(scope.full ? { ...DEBIAN, ...DEBIAN_FULL } : DEBIAN);
await build();
await step('format', () => runBin('biome', ['format', '.']));
// Waits more than it computes: the static checks and the unit tests run meanwhile.
const python =
  scope.python &&
  step('unit tests of the Python SDK', () =>
    run('/usr/bin/python3', ['-m', 'unittest', 'discover', '-q', '-s', 'sdk/python/tests', '-t', 'sdk/python']),
  );
// Each of these uses one core at most: together they keep two cores busy. The unit tests begin before the longest of
// them has ended: they wait for a third of their time.
const lint = step('lint', () => runBin('oxlint', ['--type-aware', '--deny-warnings']));
await Promise.all([
  step('types of tests and benchmarks', () => runBin('tsc', ['-p', 'tsconfig.tests.json'])),
  step('project rules', () => run(process.execPath, ['scripts/check-project.mjs'])),
  step('unused code and dependencies', () => runBin('knip', [])),
]);
if (scope.unit)
  await step('unit tests', () =>
    runBin('vitest', ['run', '--project', 'unit', '--project', 'unit-alone', '--passWithNoTests', ...scope.unit]),
  );
await Promise.all([lint, python]);
if (scope.system) {
  const system = (project) => () => {
    const tags = scope.full ? [] : ['--tags-filter', '!full'];
    return runBin('vitest', ['run', '--project', project, '--passWithNoTests', ...tags, ...scope.system]);
  };
  await step('model', () =>
    run(process.execPath, ['packages/runtime/dist/main.js', 'models', 'pull', 'ssdlite-mobilenet-v2']),
  );
  await step('system tests that compute', system('shared'));
  await step('system tests that judge times', system('timed'));
  if (scope.full) await step('a ward of 32 cameras', system('large'));
}
if (scope.proofs.length > 0)
  await step('long proofs, short form', () =>
    run(process.execPath, ['scripts/soak.mjs', scope.proofs.join(','), '--short']),
  );
process.stderr.write(`\n${took.join('\n')}\n\n${scope.name} passed on Node ${process.versions.node} (${root})\n`);
