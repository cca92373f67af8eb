import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import { MODEL_FILES, type RemoteSettings } from '#manifest';
import type { AddOptions } from './add-model.ts';
import { type NetworkFacts, readOnnxFacts } from './onnx-facts.ts';
import { takeWeights } from './weights.ts';

/** A network that is to become a model. */
export interface Found {
  readonly facts: NetworkFacts;
  /** Of the weights, in hex; of nothing for a remote one. */
  readonly sha256: string;
  /** Where it came from, for people. */
  readonly source: string;
  /** What the package around it says. */
  readonly licence?: string | undefined;
  readonly remote?: RemoteSettings | undefined;
}

/**
 * Brings a network into a folder, or finds it where it runs, and asks it what it is.
 *
 * @throws as `addModel`.
 */
export async function findNetwork(options: AddOptions, dir: string): Promise<Found> {
  const { address, tell } = options;
  if (address.kind === 'remote') throw new VigiaError('internal', 'remote');
  const { bytes, ...found } = await takeWeights(address, dir, options);
  tell(`model: ${found.source}, ${(bytes / 1024 ** 2).toFixed(1)} MiB, SHA-256 ${found.sha256.slice(0, 12)}…`);
  return { ...found, facts: await readOnnxFacts(join(dir, MODEL_FILES.onnx)) };
}
