// What a change can affect, for `npm test -- --changed`: changed files → packages → the tests and proofs that can notice.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, output, root } from './lib.mjs';

/** The long proofs of each package: what they run is built from it. */
const SOAKS = {
  'frame-supplier': ['torn-reads', 'killed-writers', 'segments', 'stopped-readers', 'consumers'],
  'model-container': ['container-deaths', 'container-fuzz', 'hostile'],
  'worker-sdk': ['worker-faults', 'worker-kills', 'worker-pace'],
  runtime: [
    'camera-faults',
    'camera-zoo',
    'hostile',
    'connect-cycles',
    'random-faults',
    'container-deaths',
    'container-fuzz',
    'worker-faults',
    'outbox',
    'store',
    'api',
    'streams',
    'alarm-faults',
    'recording-kills',
    'recording-storage',
    'recording-exact',
    'recording-events',
    'recording-players',
  ],
};
/** A change of one of these can affect everything. */
const EVERYTHING =
  /^(?:package(?:-lock)?\.json|tsconfig[^/]*|vitest\.config\.ts|scripts\/(?:lib|test|changed|bundle)\.mjs)$/;
/** Both languages read these. */
const VECTORS = /^docs\/protocol\/vectors\//;

/**
 * What changed since a commit, uncommitted and untracked files included.
 *
 * @param since A commit; undefined: the last one.
 * @returns `packages`: names of affected packages, those that depend on a changed one included. `soaks`: their proofs.
 *   `python`: whether the Python SDK is affected. `files`: what changed. `since`: the commit that was compared with.
 */
export function changedSince(since = 'HEAD') {
  const tracked = output('git', ['-C', root, 'diff', '--name-only', since]);
  const untracked = output('git', ['-C', root, 'ls-files', '--others', '--exclude-standard']);
  if (tracked === undefined || untracked === undefined) fail(`npm test --changed: git does not know "${since}"`);
  const files = [...new Set(`${tracked}${untracked}`.split('\n').filter((file) => file !== ''))].toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  const graph = dependents();
  const everything = files.some((file) => EVERYTHING.test(file));
  const changed = everything ? [...graph.keys()] : files.flatMap((file) => packagesOf(file));
  const packages = [...reached(changed, graph)].toSorted((a, b) => (a < b ? -1 : 1));
  const own = files.flatMap((file) => /^bench\/soak\/([a-z-]+)(?:\/|\.ts$)/.exec(file)?.[1] ?? []);
  const soaks = [...new Set([...packages.flatMap((name) => SOAKS[name] ?? []), ...own])];
  const python = everything || packages.includes('contracts') || files.some((file) => file.startsWith('sdk/python/'));
  return { since, files, packages, soaks: soaks.filter(isSoak), python };
}

/** The packages that a file belongs to. Examples and the Python SDK run in the tests of some. */
function packagesOf(file) {
  const own = /^(?:packages|apps)\/([^/]+)\//.exec(file)?.[1];
  if (own !== undefined) return file.endsWith('.md') ? [] : [own];
  if (VECTORS.test(file)) return ['contracts'];
  if (file.startsWith('sdk/python/') || file.startsWith('examples/'))
    return file.endsWith('.md') ? [] : ['frame-supplier', 'model-container', 'worker-sdk'];
  return [];
}

/** Package → packages that use it, in their code or in their tests. */
function dependents() {
  const folders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => ({ name, path: join(root, parent, name) })),
  );
  const users = new Map(folders.map(({ name }) => [name, []]));
  for (const { name, path } of folders) {
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    const used = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const dependency of Object.keys(used)) users.get(dependency.replace('@vigia/', ''))?.push(name);
  }
  return users;
}

function reached(from, graph) {
  const seen = new Set(from);
  for (const name of seen) for (const user of graph.get(name) ?? []) seen.add(user);
  return seen;
}

function isSoak(name) {
  return existsSync(join(root, 'bench/soak', `${name}.ts`));
}
