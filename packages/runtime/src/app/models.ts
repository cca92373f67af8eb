import { statSync } from 'node:fs';
import { UsageError, VigiaError } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { type ModelManifest, type ModelStatus, ModelStore } from '@vigia/model-container';
import { ProgressBar } from '#core/terminal';

/** Where a model of the configuration is. */
export interface LocatedModel {
  /** The folder, one per model and version. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Size of its weights' file. */
  readonly weightsBytes: number;
}

/** @throws UsageError for a model that is not in the catalogue. Returns the catalogue. */
export async function checkModels(config: Config, store: ModelStore): Promise<ModelStatus[]> {
  const catalogue = await store.list();
  const ids = catalogue.map((m) => m.id);
  for (const [id, { use }] of Object.entries(config.models)) {
    if (!ids.includes(use))
      throw new UsageError(
        `models.${id}.use: there is no model "${use}"; \`vigia models list\` shows ${ids.join(', ')}`,
      );
  }
  return catalogue;
}

/** What {@link locateModels} does about a model that is absent. */
export interface LocateOptions {
  /** Fetches it; undefined: it is an error. */
  readonly pull: ((store: ModelStore, id: string) => Promise<unknown>) | undefined;
}

/**
 * Where each model of a configuration is.
 *
 * @throws UsageError for a model that is not in the catalogue, VigiaError `model_absent`, and what `pull` throws.
 */
export async function locateModels(config: Config, { pull }: LocateOptions): Promise<Map<string, LocatedModel>> {
  const store = new ModelStore();
  const located = new Map<string, LocatedModel>();
  const catalogue = await checkModels(config, store);
  for (const [id, { use }] of Object.entries(config.models)) {
    if (!catalogue.find((m) => m.id === use)?.present) {
      if (!pull)
        throw new VigiaError(
          'model_absent',
          `model ${use} is not on this machine; \`vigia models pull ${use}\` fetches it`,
        );
      await pull(store, use);
    }
    const { dir, manifest, onnxPath } = await store.resolve(use);
    located.set(id, { dir, manifest, weightsBytes: statSync(onnxPath).size });
  }
  return located;
}

/** Fetches a model with a progress bar on stderr. */
export async function pullModel(store: ModelStore, id: string, signal?: AbortSignal): Promise<void> {
  const bar = new ProgressBar(`fetching ${id}`, process.stderr);
  const model = await store.pull(id, {
    onProgress: (received, total) => bar.update(received, total),
    ...(signal ? { signal } : {}),
  });
  bar.done(`model ${id} ${model.manifest.version} is ready`);
}
