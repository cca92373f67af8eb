import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ModelStore } from '@vigia/model-container';
import { VIGIA } from '../../support/paths.ts';

/** Misbehaviours of the bad model's decoder. */
export const BAD_DEEDS = ['kill', 'abort', 'exit', 'throw', 'wrong', 'hang', 'grow', 'slow', 'slow_start'] as const;
/** See {@link BAD_DEEDS}. */
export type BadDeed = (typeof BAD_DEEDS)[number];

// The decoder reads orders from a file. Its name is in the text, because children do not get every variable. Orders that end the process are for once: the next
// container is healthy. It detects nothing, so that every ok result is an empty list: "analysed, nothing found".
const decoderOf = (orders: string): string => `import { existsSync, readFileSync, rmSync } from 'node:fs';
const orders = ${JSON.stringify(orders)};
const order = () => (existsSync(orders) ? readFileSync(orders, 'utf8') : '');
const once = () => rmSync(orders, { force: true });
const kept = [];
if (order() === 'slow_start') { once(); await new Promise((resolve) => setTimeout(resolve, 4000)); }
export function decode() {
  switch (order()) {
    case 'kill': once(); process.kill(process.pid, 'SIGKILL'); break;
    case 'abort': once(); process.kill(process.pid, 'SIGABRT'); break;
    case 'exit': once(); process.reallyExit(3); break;
    case 'throw': throw new Error('as ordered');
    case 'wrong': return [{ class_id: 0, class_name: 'person', confidence: 2 }];
    case 'hang': once(); for (;;);
    case 'grow': kept.push(Buffer.alloc(32 * 1024 * 1024, 1)); break;
    case 'slow': { const until = performance.now() + 1500; while (performance.now() < until); }
  }
  return [];
}
`;

/** A real network with that decoder, added like by a user; and the default model beside it. */
export interface BadModel {
  /** Environment of a node. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the decoder's order. */
  order(deed: BadDeed): void;
  /** Clears the order. */
  relent(): void;
}

/** @param dir An empty folder for cache and orders; the caller removes it. */
export async function addBadModel(dir: string): Promise<BadModel> {
  const good = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  const cache = join(dir, 'cache');
  const copy = join(cache, 'models', 'ssdlite-mobilenet-v2', good.manifest.version);
  mkdirSync(dirname(copy), { recursive: true });
  cpSync(good.dir, copy, { recursive: true });
  const decoder = join(dir, 'decoder.mjs');
  const orders = join(dir, 'orders');
  writeFileSync(decoder, decoderOf(orders));
  const env = { VIGIA_CACHE_DIR: cache };
  const args = ['models', 'add', good.onnxPath, '--id', 'bad', '--decoder', decoder, '--classes', 'person', '--yes'];
  execFileSync(
    process.execPath,
    [VIGIA, ...args, '--task', 'detection', '--fit', 'stretch', '--licence', 'Apache-2.0'],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return {
    env,
    order: (deed) => writeFileSync(orders, deed),
    relent: () => existsSync(orders) && rmSync(orders, { force: true }),
  };
}
