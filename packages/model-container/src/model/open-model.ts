import { join } from 'node:path';
import type { Provider } from '@vigia/contracts';
import { createDecoder } from '#decoders';
import { MODEL_FILES, type ModelManifest, readManifest } from '#manifest';
import { type Network, OnnxNetwork } from '#network';
import { KserveNetwork } from '#remote';
import { AuthorModel } from './author-model.ts';
import { CropsModel, type Part } from './crops-model.ts';
import type { Model } from './model.ts';
import { NetworkModel } from './network-model.ts';

/** The model to open, and how it computes. */
export interface ModelSettings {
  /** A model's folder (`model.yaml`), or a model module (a JavaScript file). */
  readonly source:
    | { readonly kind: 'folder'; readonly dir: string }
    | { readonly kind: 'module'; readonly path: string };
  /** Threads inside one operation, 1..64. */
  readonly threads: number;
  readonly provider: Provider;
  /** Most frames of one run. Default and upper limit: the manifest's. */
  readonly maxBatch?: number | undefined;
}

/** An open model, with its manifest if it has one. */
export interface OpenedModel {
  readonly model: Model;
  readonly manifest: ModelManifest | undefined;
}

/**
 * Loads a model.
 *
 * @throws VigiaError `model_absent`, `model_manifest`, `model_load`, `model_integrity`, `provider`.
 */
export async function openModel(settings: ModelSettings): Promise<OpenedModel> {
  const { source } = settings;
  if (source.kind === 'module') return { model: await AuthorModel.open(source.path), manifest: undefined };
  const manifest = await readManifest(source.dir);
  const main = await openPart(source.dir, manifest, settings);
  if (!manifest.crops) return { model: new NetworkModel(manifest, main.network, main.decoder), manifest };
  try {
    const dir = join(source.dir, MODEL_FILES.detector);
    const detector = await openPart(dir, await readManifest(dir), settings);
    return { model: new CropsModel(detector, main, manifest.crops), manifest };
  } catch (error) {
    await main.network.close();
    throw error;
  }
}

/** Opens a manifest's network with its decoder. Throws like {@link openModel}. */
export async function openPart(dir: string, manifest: ModelManifest, settings: ModelSettings): Promise<Part> {
  const decoder = await createDecoder(manifest, dir);
  return { manifest, decoder, network: await openNetwork(dir, manifest, decoder.outputs, settings) };
}

/** Time limit of a server for a model without measurements: it may have to load the model. Milliseconds. */
const REMOTE_PATIENCE_MS = 30_000;
// Both are below the run limit (`ThreadRunner`): a server that hangs causes a `timeout`, and not the end of the
// container.
const REMOTE_FLOOR_MS = 1_500;
const REMOTE_FACTOR = 4;

/** The part of a manifest that opening its network needs. */
export type NetworkDescription = Pick<ModelManifest, 'input' | 'crops' | 'remote' | 'speed'>;

/**
 * Opens a network without a decoder: the file in a model's folder, or a remote network.
 *
 * @param outputs Names of the outputs, in order; undefined: all.
 * @throws VigiaError `model_load`, `provider`; for a remote network, as `KserveNetwork.open`.
 */
export async function openNetwork(
  dir: string,
  { input, crops, remote, speed }: NetworkDescription,
  outputs: readonly string[] | undefined,
  { threads, provider, maxBatch: wished }: Pick<ModelSettings, 'threads' | 'provider' | 'maxBatch'>,
): Promise<Network> {
  const most = input.max_batch ?? 1;
  const maxBatch = crops ? 1 : Math.min(most, wished ?? most);
  if (remote) {
    const timeoutMs = speed ? Math.max(REMOTE_FLOOR_MS, REMOTE_FACTOR * speed.p99_ms * maxBatch) : REMOTE_PATIENCE_MS;
    return KserveNetwork.open({ remote, input, outputs, maxBatch, timeoutMs });
  }
  return OnnxNetwork.open({ path: join(dir, MODEL_FILES.onnx), input, outputs, threads, provider, maxBatch });
}
