// `npm test`: everything that must hold before a change lands, in order of how soon it can fail.
import { existsSync } from 'node:fs';
import { build, checkNode, fail, install, mayInstallDebian, output, root, run, runBin } from './lib.mjs';

/** Debian packages that only tests need, and a file that each brings. */
const DEBIAN = {
  mosquitto: '/usr/sbin/mosquitto',
  'mosquitto-clients': '/usr/bin/mosquitto_sub',
  ffmpeg: '/usr/bin/ffmpeg',
  openssl: '/usr/bin/openssl',
  'python3-numpy': '/usr/lib/python3/dist-packages/numpy/__init__.py',
  'python3-gi': '/usr/lib/python3/dist-packages/gi/__init__.py',
  'gir1.2-gst-rtsp-server-1.0': '/usr/share/doc/gir1.2-gst-rtsp-server-1.0/copyright',
  'gstreamer1.0-plugins-base': '/usr/share/doc/gstreamer1.0-plugins-base/copyright',
  'gstreamer1.0-plugins-good': '/usr/share/doc/gstreamer1.0-plugins-good/copyright',
  'gstreamer1.0-plugins-bad': '/usr/share/doc/gstreamer1.0-plugins-bad/copyright',
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

checkNode();
await install();
await installDebian();
await build();
await step('format', () => runBin('biome', ['format', '.']));
// Each of these uses one core at most, or waits: two cores are busy with all of them at once for a third of the time.
await Promise.all([
  step('lint', () => runBin('oxlint', ['--type-aware', '--deny-warnings'])),
  step('types of tests and benchmarks', () => runBin('tsc', ['-p', 'tsconfig.tests.json'])),
  step('project rules', () => run(process.execPath, ['scripts/check-project.mjs'])),
  step('unused code and dependencies', () => runBin('knip', [])),
]);
// Python's wait for time to go by more than they compute.
await Promise.all([
  step('unit tests of the Python SDK', () =>
    run('/usr/bin/python3', ['-m', 'unittest', 'discover', '-q', '-s', 'sdk/python/tests', '-t', 'sdk/python']),
  ),
  step('unit tests', () => runBin('vitest', ['run', '--project', 'unit', '--project', 'unit-alone'])),
]);
await step('model', () =>
  run(process.execPath, ['packages/runtime/dist/main.js', 'models', 'pull', 'ssdlite-mobilenet-v2']),
);
await step('system tests on the built files, those that are in no hurry', () =>
  runBin('vitest', ['run', '--project', 'unhurried']),
);
await step('system tests on the built files', () => runBin('vitest', ['run', '--project', 'system']));
await step('long proofs, short form', () => run(process.execPath, ['scripts/soak.mjs', 'all', '--short']));
process.stderr.write(`\n${took.join('\n')}\n\nall of npm test passed on Node ${process.versions.node} (${root})\n`);
