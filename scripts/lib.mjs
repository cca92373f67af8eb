// Shared by the entry scripts. Plain JavaScript, because they run before anything is installed or built.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, 'node_modules', '.vigia');
/** What the browser page is built from; of the contracts it has types only. The lock file pins its libraries. */
const PAGE_SOURCES = ['apps/dashboard', 'tsconfig.base.json', 'package-lock.json'];

/** Prints one sentence and exits with 1. */
export function fail(message, code = 1) {
  process.stderr.write(`vigia: ${message}\n`);
  process.exit(code);
}

/** Requires Node 20.19 or newer. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed (22 or 24 is what to deploy)`);
}

/** Runs a program in the project's folder with inherited output; resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    const end = () => child.kill();
    // What runs beside a command that failed must not go on without its parent.
    process.once('exit', end);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('exit', end);
      resolve(signal === null ? code : 1);
    });
  });
}

/** Runs a program of node_modules/.bin with the current Node. */
export function runBin(name, args, options) {
  return run(process.execPath, [binPath(name), ...args], options);
}

function binPath(name) {
  const folder =
    { vitest: 'vitest', tsc: 'typescript', oxlint: 'oxlint', biome: '@biomejs/biome', knip: 'knip' }[name] ?? name;
  const manifest = JSON.parse(readFileSync(join(root, 'node_modules', folder, 'package.json'), 'utf8'));
  const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[name];
  return join(root, 'node_modules', folder, bin);
}

/** Installs the dependencies of the lock file, unless they are installed. */
export async function install() {
  const lock = hash(readFileSync(join(root, 'package-lock.json')));
  if (readStamp('installed') === lock) return;
  process.stderr.write('vigia: installing dependencies (once, about 800 MB on disk: FFmpeg, ONNX Runtime and tools)\n');
  // `install --no-save` and not `ci`: both take versions and hashes from the lock file, but `ci` fails with a registry
  // that lacks optional packages of other platforms (docs/decisions/0012-tooling.md). No dependency needs an install
  // script: every native binary ships inside its npm package, and one of the scripts would download CUDA libraries that
  // nothing here uses. The option is not in .npmrc, because there it would also keep `npx -p node@24` from unpacking
  // its Node.
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await run(npm(), args, { shell: process.platform === 'win32' });
  if (code !== 0) fail('npm install failed; its words are above');
  writeStamp('installed', lock);
}

/** Compiles and bundles changed sources, and builds the page when its own changed; does nothing when none did. */
export async function build() {
  // Each is busy with one core for a while: the page needs nothing of what the compiler writes.
  await Promise.all([compile().then(bundle), buildPage()]);
}

async function compile() {
  const sources = hashOfSources();
  if (readStamp('built') === sources && existsSync(join(root, 'packages/runtime/dist/main.js'))) return;
  process.stderr.write('vigia: building\n');
  // TypeScript 7.0 ignores changed compiler options in an incremental build, hence --force.
  const code = await runBin('tsc', ['-b', '--force']);
  if (code !== 0) fail('the build failed; the compiler’s words are above');
  writeStamp('built', sources);
}

async function bundle() {
  // It needs what the compiler writes.
  const { areBundled } = await import('./bundle.mjs');
  if (areBundled()) return;
  // A process of its own: the bundler's memory goes with it.
  const code = await run(process.execPath, [join(root, 'scripts/bundle.mjs')]);
  if (code !== 0) fail('the bundles could not be made; see the output above');
}

async function buildPage() {
  const sources = hashOfFiles(PAGE_SOURCES, /\.(?:tsx?|css|html|svg|json)$/);
  if (readStamp('page') === sources && existsSync(join(root, 'apps/dashboard/dist/index.html'))) return;
  process.stderr.write('vigia: building the page\n');
  const code = await runBin('vite', ['build', '--logLevel', 'warn'], { cwd: join(root, 'apps/dashboard') });
  if (code !== 0) fail('the build of the page failed; see the output above');
  writeStamp('page', sources);
}

/** Whether this process can install Debian packages. */
export function mayInstallDebian() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Runs a program and returns its output; undefined when it failed. */
export function output(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return done.status === 0 ? done.stdout : undefined;
}

function npm() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

function hash(data) {
  return createHash('sha256').update(data).digest('hex');
}

/** One hash over all inputs of the compiler. */
function hashOfSources() {
  return hashOfFiles(['packages', 'apps', 'tsconfig.json', 'tsconfig.base.json'], /\.(tsx?|json|mjs)$/);
}

/** One hash over the files below some paths whose name fits; built and installed ones are left out. */
function hashOfFiles(paths, names) {
  const sum = createHash('sha256');
  const visit = (path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort())
        if (name !== 'dist' && name !== 'node_modules') visit(join(path, name));
    } else if (names.test(path)) sum.update(path.slice(root.length)).update(readFileSync(path));
  };
  for (const path of paths) visit(join(root, path));
  return sum.digest('hex');
}

function readStamp(name) {
  const path = join(stamps, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function writeStamp(name, value) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), value);
}
