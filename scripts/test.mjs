// `npm test`: everything that must hold before a change lands, in order of how soon it can fail.
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

async function installDebian() {
  const missing = Object.entries(DEBIAN)
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
  if (code !== 0) fail(`npm test: ${name} failed`);
  took.push(`${((performance.now() - start) / 1000).toFixed(0).padStart(6)} s  ${name}`);
}

const HELP = `npm test [-- --changed[=COMMIT]]

Everything that must hold before a change lands: format, lint, types, project rules, unit tests, system tests on the
built files, and the long proofs in their short form.

  --changed          only the tests that can notice what changed since the last commit, uncommitted files included
  --changed=COMMIT   the same since COMMIT: a branch, a tag, a hash
`;

/** Which tests are run: all, or those that a change can affect. False: none of the kind. */
function scopeOf(args) {
  const [word, ...more] = args;
  if (word === undefined) return { name: 'all of npm test', python: true, unit: [], system: [], soaks: ['all'] };
  if (word === '--help' || word === '-h') {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const since = /^--changed(?:=(.+))?$/.exec(word);
  if (!since || more.length > 0)
    fail(`npm test: found "${args.join(' ')}", allowed is --changed or --changed=COMMIT`, 2);
  const changed = changedSince(since[1]);
  const { files, packages, soaks, python } = changed;
  process.stderr.write(
    `vigia: since ${changed.since}, ${files.length} files changed; affected packages: ${packages.join(', ') || 'none'}\n`,
  );
  const any = packages.length > 0;
  return {
    name: 'what the change can affect',
    python,
    unit: any && packages.map((name) => `packages/${name}/src/`),
    system: any && packages.map((name) => `packages/${name}/test/`),
    soaks,
  };
}

const scope = scopeOf(process.argv.slice(2));
checkNode();
await install();
await installDebian();
await build();
await step('format', () => runBin('biome', ['format', '.']));
// Waits more than it computes: the static checks and the unit tests run meanwhile.
const python =
  scope.python &&
  step('unit tests of the Python SDK', () =>
    run('/usr/bin/python3', ['-m', 'unittest', 'discover', '-q', '-s', 'sdk/python/tests', '-t', 'sdk/python']),
  );
// Each of these uses one core at most: together they keep two cores busy.
await Promise.all([
  step('lint', () => runBin('oxlint', ['--type-aware', '--deny-warnings'])),
  step('types of tests and benchmarks', () => runBin('tsc', ['-p', 'tsconfig.tests.json'])),
  step('project rules', () => run(process.execPath, ['scripts/check-project.mjs'])),
  step('unused code and dependencies', () => runBin('knip', [])),
]);
const system = (project) => () => runBin('vitest', ['run', '--project', project, '--passWithNoTests', ...scope.system]);
if (scope.unit)
  await step('unit tests', () =>
    runBin('vitest', ['run', '--project', 'unit', '--project', 'unit-alone', '--passWithNoTests', ...scope.unit]),
  );
await python;
if (scope.system) {
  await step('model', () =>
    run(process.execPath, ['packages/runtime/dist/main.js', 'models', 'pull', 'ssdlite-mobilenet-v2']),
  );
  await step('system tests that compute', system('shared'));
  await step('system tests that judge times', system('timed'));
}
if (scope.soaks.length > 0)
  await step('long proofs, short form', () =>
    run(process.execPath, ['scripts/soak.mjs', scope.soaks.join(','), '--short']),
  );
process.stderr.write(`\n${took.join('\n')}\n\n${scope.name} passed on Node ${process.versions.node} (${root})\n`);
