import { createHash } from 'node:crypto';
import { VigiaError } from '@vigia/base';
import type { ModelManifest } from '#manifest';
import type { ResolvedModel } from '#model-store';
import type { AddOptions } from './add-options.ts';
import { findNetwork } from './find-network.ts';
import { inspect } from './inspect.ts';
import { PLAIN, replaceManifest } from './inspection.ts';
import { measure } from './measure.ts';
import type { Measurement } from './measurement.ts';

/** Largest batch to try, for a graph that accepts several frames. */
const LARGEST_BATCH = 4;

/** See `addModel`. */
export async function onboard(options: AddOptions): Promise<ResolvedModel> {
  const { store, id, tell, confirm, signal } = options;
  store.checkFree(id);
  const model = await store.add(id, async (dir) => {
    const found = await findNetwork(options, dir);
    signal?.throwIfAborted();
    const { proven, openBatch } = await inspect(found, dir, options);
    signal?.throwIfAborted();
    const manifest = await measured(proven, dir, openBatch, options);
    signal?.throwIfAborted();
    if (!(await confirm())) throw new VigiaError('declined', `model ${id} was not added`);
    await replaceManifest(dir, manifest);
    return manifest;
  });
  tell(`added: model ${id} ${model.manifest.version} in ${model.dir}; use it with models: { ${id}: { use: ${id} } }`);
  return model;
}

async function measured(
  proven: ModelManifest,
  dir: string,
  openBatch: boolean,
  { tell, clock, signal }: AddOptions,
): Promise<ModelManifest> {
  const largest = openBatch ? LARGEST_BATCH : 1;
  await replaceManifest(dir, { ...proven, input: { ...proven.input, max_batch: largest } });
  tell(`measuring${openBatch ? ', 1, 2 and 4 pictures at a time' : ''}: up to half a minute`);
  const found = await measure(dir, {
    largest,
    remote: proven.remote !== undefined,
    clock,
    signal,
    onBatch: ({ size, runsMs }) => tell(`  ${size} at a time: ${runsMs.length} runs`),
  });
  tell(describeMeasurement(found));
  const { p99Ms, maxBatch, memoryMib, batches } = found;
  const content = { ...proven, input: { ...proven.input, ...(maxBatch > 1 ? { max_batch: maxBatch } : {}) } };
  return {
    ...content,
    // Measurements are excluded: adding the same model again gives the same version.
    version: versionOf(proven),
    memory_mib: memoryMib,
    speed: {
      ms_per_picture: Object.fromEntries(batches.map(({ size, msPerPicture }) => [String(size), msPerPicture])),
      p99_ms: p99Ms,
      threads: PLAIN.threads,
      provider: proven.remote ? 'remote' : PLAIN.provider,
    },
  };
}

function describeMeasurement({ batches, p99Ms, maxBatch, memoryMib, refused }: Measurement): string {
  const speeds = batches.map(({ size, msPerPicture }) => `${msPerPicture.toFixed(1)} ms at ${size}`).join(', ');
  const why = refused ? `; ${refused}` : '';
  return `measured: per picture ${speeds} (p99 ${p99Ms.toFixed(1)} ms), so max_batch ${maxBatch}${why}; ${memoryMib} MiB at most`;
}

/** Changes with everything that affects results, not with measurements. */
function versionOf(manifest: ModelManifest): string {
  const { version: _version, ...content } = manifest;
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
}
