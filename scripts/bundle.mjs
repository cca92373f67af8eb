// `node scripts/bundle.mjs`: makes one file of each process of vigia, from what the compiler wrote. Part of `npm run build`;
// does nothing when the bundles are of the present build. Why and how: docs/decisions/0063-bundles.md.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, dirname, join, relative } from 'node:path';
import { isBuiltin } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Processes, threads and the command: where each bundle lies, and what it is made of. */
const ENTRIES = {
  'api/api-process.js': 'packages/runtime/dist/api/api-process.js',
  'camera/camera-process.js': 'packages/runtime/dist/camera/camera-process.js',
  'command/command.js': 'packages/runtime/dist/command.js',
  'footage/footage-process.js': 'packages/runtime/dist/footage/footage-process.js',
  'inference/inference.worker.js': 'packages/model-container/dist/inference/inference.worker.js',
  'ingest/ingest-process.js': 'packages/runtime/dist/ingest/ingest-process.js',
  'live/live-process.js': 'packages/runtime/dist/live/live-process.js',
  'model-container/main.js': 'packages/model-container/dist/main.js',
  'store/store-thread.js': 'packages/runtime/dist/services/store/store-thread.js',
  'store-check/check-thread.js': 'packages/runtime/dist/services/store/check-thread.js',
};

/** Processes of `vigia models add`, which run as modules: they start seldom, and work for seconds. */
const SELDOM = 'packages/model-container/dist/onboarding/';

/** Packages that stay outside. */
const EXTERNAL = [
  // They have native code, or look for files beside themselves.
  'koffi',
  'libsql',
  'node-av',
  'node-datachannel',
  'onnxruntime-node',
  'sharp',
  'dejavu-fonts-ttf',
  // Used seldom, by somebody who waits for the network anyway.
  '@npmcli/config',
  'pacote',
  'tar',
  'aedes',
];

/** Looks for files beside itself only when a logger writes in a thread, which ours never do. */
const HARMLESS = ['node_modules/pino/', 'node_modules/thread-stream/'];

/** How a module looks for files beside itself. */
const LOOKS_BESIDE = /\b__dirname\b|\b__filename\b|\bimport\.meta\b|\.node['"]/;

const { BUNDLES, contentOf, currentBundle, stampOf } = await import(
  pathToFileURL(join(root, 'packages/runtime/dist/bundle.js')).href
);
const MANIFEST = join(BUNDLES, 'manifest.json');
/** Bundles lie two folders below. */
const IN_BUNDLE = join(BUNDLES, 'build/place');
/** Bundles of so many builds are kept. */
const KEPT = 4;
/** npm writes it with each installation. */
const INSTALLED = 'node_modules/.package-lock.json';

/** What makes other bundles of the same code. */
const recipe = createHash('sha256')
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .update(readFileSync(join(root, 'node_modules/rolldown/package.json')))
  .digest('hex');

/** Whether there are bundles of the present build, made as this script makes them, and the stamps say so. */
export function areBundled() {
  if (!existsSync(MANIFEST)) return false;
  const { stamps, recipe: made } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  const isUntouched = Object.entries(stamps).every(([path, stamp]) => stampOf(join(BUNDLES, path)) === stamp);
  return isUntouched && made === recipe && currentBundle(BUNDLES) !== undefined;
}

async function bundleAll() {
  process.stderr.write('vigia: bundling\n');
  const before = stampsNow();
  const work = join(BUNDLES, `new-${process.pid}`);
  mkdirSync(work, { recursive: true });
  const modules = await bundlesIn(work);
  // Read by packages/runtime/test/bundles.test.ts.
  writeFileSync(join(work, 'modules.json'), `${JSON.stringify(modules, null, 1)}\n`);
  const all = Object.values(modules).flatMap(({ loads, later }) => loads.concat(later));
  const inputs = sorted(all.flatMap(inputOf)).map(fromBundles);
  const content = contentOf(BUNDLES, inputs);
  const stamps = stampsNow();
  if (JSON.stringify(stamps) !== JSON.stringify(before))
    throw new Error('something was compiled or installed meanwhile: build again');
  const folder = createHash('sha256').update(recipe).update(content).digest('hex').slice(0, 16);
  if (existsSync(join(BUNDLES, folder))) renameSync(join(BUNDLES, folder), join(BUNDLES, `old-${process.pid}`));
  renameSync(work, join(BUNDLES, folder));
  const watched = new Set([...inputs, fromBundles(INSTALLED)]);
  const manifest = { folder, stamps: stamps.filter(([path]) => watched.has(path)), inputs, content, recipe };
  const next = join(BUNDLES, 'manifest.new');
  writeFileSync(next, `${JSON.stringify({ ...manifest, stamps: Object.fromEntries(manifest.stamps) }, null, 1)}\n`);
  renameSync(next, MANIFEST);
  removeOld();
}

/** Of everything that says which code there is. */
function stampsNow() {
  const paths = [...readdirSync(join(root, 'packages')).map(buildInfo), INSTALLED].map(fromBundles);
  return paths.map((path) => [path, stampOf(join(BUNDLES, path))]);
}

/** Writes all bundles into a folder. Returns what each holds. */
async function bundlesIn(work) {
  const { rolldown } = await import('rolldown');
  const named = new Set(['command/command.js']);
  const made = Object.entries(ENTRIES).map(async ([place, entry]) => {
    const holds = await bundle(rolldown, { place, entry, work, named });
    return [place, holds];
  });
  const modules = Object.fromEntries(await Promise.all(made));
  for (const [place, entry] of Object.entries(ENTRIES))
    if (!named.has(place)) throw new Error(`nothing starts ${entry}: no module says new URL('…', import.meta.url)`);
  return modules;
}

/** A node that runs still needs its bundles: it loads some code late, and restarts processes. */
function removeOld() {
  const folders = readdirSync(BUNDLES)
    .map((name) => join(BUNDLES, name))
    .filter((path) => path !== MANIFEST);
  const ages = new Map(folders.map((path) => [path, statSync(path).mtimeMs]));
  const whole = folders.filter((path) => /^[0-9a-f]{16}$/.test(basename(path)));
  const kept = new Set(whole.toSorted((a, b) => ages.get(b) - ages.get(a)).slice(0, KEPT));
  for (const path of folders) if (!kept.has(path)) rmSync(path, { recursive: true, force: true });
}

/** Writes one bundle, and returns which modules and packages it loads at once and later. */
async function bundle(rolldown, { place, entry, work, named }) {
  const build = await rolldown({
    input: { [basename(place, '.js')]: join(root, entry) },
    cwd: root,
    platform: 'node',
    // As without a bundle: a package's word that a module has no side effects is not enough to leave it out.
    treeshake: { moduleSideEffects: true },
    plugins: [outside(), places(named)],
    // A slow machine is no warning.
    checks: { bundlerTimings: false },
    onLog: (level, log) => {
      if (level !== 'debug') throw new Error(`${place}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: join(work, dirname(place)),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minifyInternalExports: false,
  });
  await build.close();
  return modulesOf(output);
}

function modulesOf(output) {
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
  const first = new Set(output.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of first) for (const next of chunks.get(name)?.imports ?? []) first.add(next);
  const modules = (names) => {
    const all = names.flatMap((name) => {
      const chunk = chunks.get(name);
      // A name without a chunk is a package outside, or one of Node's.
      return chunk ? Object.keys(chunk.modules).map((id) => relative(root, id)) : [name];
    });
    return sorted(all).filter((name) => !name.includes('\0') && !isBuiltin(name));
  };
  const all = output.flatMap((chunk) => [chunk.fileName, ...chunk.imports, ...chunk.dynamicImports]);
  return { loads: modules([...first]), later: modules(all.filter((name) => !first.has(name))) };
}

/** Leaves packages outside, if a bundle finds the same ones from its place. */
function outside() {
  const wanted = new RegExp(`^(?:${EXTERNAL.join('|')})(?:/|$)`);
  return {
    name: 'outside',
    resolveId: {
      filter: { id: wanted },
      async handler(source, importer) {
        const [own, bundles] = await Promise.all(
          [importer, join(IN_BUNDLE, 'bundle.js')].map((from) => this.resolve(source, from, { skipSelf: true })),
        );
        if (!own || own.id !== bundles?.id)
          this.error(`${source} is ${own?.id} for ${importer}, and ${bundles?.id} for a bundle`);
        return { id: source, external: true };
      },
    },
  };
}

/**
 * `import.meta.url` keeps its meaning: the place of the module before it was bundled. Where it names an entry, it names the
 * bundle of that.
 */
function places(named) {
  const bundles = new Map(Object.entries(ENTRIES).map(([place, entry]) => [join(root, entry), place]));
  return {
    name: 'places',
    transform: {
      filter: { code: LOOKS_BESIDE },
      handler(code, id) {
        // The bundler's own module is no file.
        if (id.includes('\0')) return null;
        const path = relative(root, id);
        if (!path.startsWith('packages/')) {
          if (!HARMLESS.some((harmless) => path.startsWith(harmless)))
            this.error(
              `${path} looks for files beside itself: leave its package outside (EXTERNAL in scripts/bundle.mjs)`,
            );
          return null;
        }
        if (/\bimport\.meta\b(?!\.(?:url|resolve)\b)/.test(code))
          this.error(`${path}: import.meta.url is the only way to a file that bundles know`);
        const pointed = code.replace(/new URL\(\s*'([^']+)',\s*import\.meta\.url\s*\)/g, (whole, file) => {
          const target = join(dirname(id), file);
          const place = bundles.get(target);
          if (place === undefined && file.endsWith('.js') && !relative(root, target).startsWith(SELDOM))
            this.error(`${path} starts ${relative(root, target)}, which is no entry of scripts/bundle.mjs`);
          if (place === undefined) return whole;
          named.add(place);
          return `new URL('../${place}', import.meta.here)`;
        });
        const origin = `new URL('${relative(IN_BUNDLE, id)}', import.meta.here).href`;
        return {
          code: pointed.replaceAll('import.meta.url', origin).replaceAll('import.meta.here', 'import.meta.url'),
          map: null,
        };
      },
    },
  };
}

/** Each once. */
function sorted(names) {
  return [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1));
}

function fromBundles(path) {
  return relative(BUNDLES, join(root, path));
}

function buildInfo(name) {
  return `packages/${name}/dist/.tsbuildinfo`;
}

/** The file that says which version of a module was bundled. */
function inputOf(module) {
  const ours = /^packages\/([^/]+)\/dist\//.exec(module)?.[1];
  if (ours !== undefined) return [buildInfo(ours)];
  const theirs = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0];
  return theirs === undefined ? [] : [`${theirs}/package.json`];
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !areBundled()) await bundleAll();
