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

/** Which model to open, and how it computes. */
export interface ModelSettings {
  /** A model's folder (`model.yaml`), or a model module (a JavaScript file). */
  readonly source:
    | { readonly kind: 'folder'; readonly dir: string }
    | { readonly kind: 'module'; readonly path: string };
  /** Threads inside one operation, 1..64. */
  readonly threads: number;
  readonly provider: Provider;
  /** Most pictures of one run. Default: what the manifest says; never more than that. */
  readonly maxBatch?: number | undefined;
}

/** A model that is open, with its manifest when it has one. */
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

/** Opens a manifest's network with its decoder. Throws as {@link openModel}. */
export async function openPart(dir: string, manifest: ModelManifest, settings: ModelSettings): Promise<Part> {
  const decoder = await createDecoder(manifest, dir);
  return { manifest, decoder, network: await openNetwork(dir, manifest, decoder.outputs, settings) };
}

/** A server has longer for one that nobody has measured yet: it may have to load it. Milliseconds. */
const REMOTE_PATIENCE_MS = 30_000;
// Both below those of the run limit (`ThreadRunner`): a server that hangs is a `timeout`, and not the container's end.
const REMOTE_FLOOR_MS = 1_500;
const REMOTE_FACTOR = 4;

/** What of a manifest its network is opened by. */
export type NetworkDescription = Pick<ModelManifest, 'input' | 'crops' | 'remote' | 'speed'>;

/**
 * Opens a network without a decoder: the file in a model's folder, or the one that runs elsewhere.
 *
 * @param outputs Names of those that are wanted, in their order; undefined: all.
 * @throws VigiaError `model_load`, `provider`; of a remote one, as `KserveNetwork.open`.
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
