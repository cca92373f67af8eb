import { statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, UsageError, VigiaError } from '@vigia/base';
import { type Config, type DescribeResponse, describeResponseSchema } from '@vigia/contracts';
import { type FrameSize, type ModelManifest, type ModelStatus, ModelStore } from '@vigia/model-container';
import { askContainer } from '#core/container';
import { modelSocketPath } from '#core/node-dirs';
import { ProgressBar } from '#core/terminal';

/** A model of the configuration: the location of its files, or the input of an external container. */
export type LocatedModel =
  | {
      readonly kind: 'own';
      /** The folder, one per model and version. */
      readonly dir: string;
      readonly manifest: ModelManifest;
      /** Total size of the weight files. */
      readonly weightsBytes: number;
    }
  | { readonly kind: 'external'; readonly frame: FrameSize };

/** Longest side of the pictures of a model, pixels: as of models that are added. */
const SIDE_LIMIT = 4096;
/** How long a container may take to describe itself. One that listens answers at once. Milliseconds. */
const DESCRIBE_MS = 2_000;

/** Returns the known models. @throws UsageError when the configuration uses an unknown one. */
export async function checkModels(config: Config, store: ModelStore): Promise<ModelStatus[]> {
  const known = await store.list();
  const ids = known.map((m) => m.id);
  for (const [id, { use }] of Object.entries(config.models)) {
    if (use !== undefined && !ids.includes(use))
      throw new UsageError(
        `models.${id}.use: there is no model "${use}"; \`vigia models list\` shows ${ids.join(', ')}`,
      );
  }
  return known;
}

/** How {@link locateModels} handles absent and external models. */
export interface LocateOptions {
  /** Downloads an absent model. Undefined: an absent model is an error. */
  readonly pull: ((store: ModelStore, id: string) => Promise<unknown>) | undefined;
  /** Where the sockets of external containers are. */
  readonly runDir: string;
  /** Models whose containers this node runs. No external container can listen on their sockets yet. */
  readonly own?: ReadonlySet<string> | undefined;
}

/**
 * Locates each model of a configuration.
 *
 * @throws UsageError for an unknown model, or an external one that neither answers nor has a configured input;
 *   VigiaError `model_absent`, and errors of `pull`.
 */
export async function locateModels(
  config: Config,
  { pull, runDir, own }: LocateOptions,
): Promise<Map<string, LocatedModel>> {
  const store = new ModelStore();
  const located = new Map<string, LocatedModel>();
  const known = await checkModels(config, store);
  for (const [id, model] of Object.entries(config.models)) {
    const { use, external } = model;
    if (use === undefined) {
      if (own?.has(id) && !external?.input)
        throw new UsageError(
          `models.${id}.external: the node’s own container of this model still runs; say with \`input\` what pictures the other one wants`,
          { path: `models.${id}.external` },
        );
      located.set(id, await locateExternal(id, external?.input, modelSocketPath(runDir, id)));
      continue;
    }
    if (!known.find((m) => m.id === use)?.present) {
      if (!pull)
        throw new VigiaError(
          'model_absent',
          `model ${use} is not on this machine; \`vigia models pull ${use}\` fetches it`,
        );
      await pull(store, use);
    }
    const { dir, manifest, onnxPath } = await store.resolve(use);
    located.set(id, { kind: 'own', dir, manifest, weightsBytes: weightsOf(dir, onnxPath, manifest) });
  }
  return located;
}

/** The weights of the network and of its detector, if any. A remote model has none on this machine. */
function weightsOf(dir: string, onnxPath: string, manifest: ModelManifest): number {
  const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size(onnxPath) + (manifest.crops ? size(join(dir, 'detector', 'model.onnx')) : 0);
}

/** Uses the configured input. Without one, asks the container. */
async function locateExternal(id: string, input: FrameSize | undefined, socketPath: string): Promise<LocatedModel> {
  if (input) return { kind: 'external', frame: input };
  const found = await describeContainer(socketPath);
  if ('why' in found) {
    throw new UsageError(
      `models.${id}.external: ${found.why} on ${socketPath}; start the container first, or say with \`input\` what pictures it wants`,
      { path: `models.${id}.external` },
    );
  }
  const { model_id: serves, input: frame } = found.value;
  if (serves !== id)
    throw new UsageError(`models.${id}.external: the container on ${socketPath} serves model "${serves}"`, {
      path: `models.${id}.external`,
    });
  const { width, height } = frame;
  if (Math.max(width, height) > SIDE_LIMIT)
    throw new UsageError(
      `models.${id}.external: the container on ${socketPath} wants pictures of ${width}×${height}, sides up to ${SIDE_LIMIT} are possible`,
      { path: `models.${id}.external` },
    );
  return { kind: 'external', frame: { width, height, fit: frame.fit } };
}

/** Asks the container on a socket to describe itself. */
export function describeContainer(socketPath: string): ReturnType<typeof askContainer<DescribeResponse>> {
  const parse = (answer: unknown): DescribeResponse | undefined => describeResponseSchema.safeParse(answer).data;
  return askContainer(socketPath, { op: 'describe' }, parse, { clock: systemClock, timeoutMs: DESCRIBE_MS });
}

/** Downloads a model with a progress bar on stderr. */
export async function pullModel(
  store: ModelStore,
  id: string,
  signal?: AbortSignal,
  acceptLicence?: string,
): Promise<void> {
  const bar = new ProgressBar(`fetching ${id}`, process.stderr);
  const onProgress = (received: number, total: number | undefined): void => bar.update(received, total);
  const model = await store.pull(id, { onProgress, signal, acceptLicence });
  bar.done(`model ${id} ${model.manifest.version} is ready`);
}
