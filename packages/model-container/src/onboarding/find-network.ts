import { createHash } from 'node:crypto';
import type { RemoteSettings } from '#manifest';
import type { AddOptions } from './add-options.ts';
import type { NetworkFacts } from './onnx-facts.ts';
import { readRemoteFacts } from '#remote';
import { takeWeights } from './weights.ts';

/** Hash of weights that are elsewhere. */
const NOTHING = createHash('sha256').digest('hex');

/** A network that will become a model. */
export interface Found {
  /** Undefined for weights that nobody has read yet. */
  readonly facts: NetworkFacts | undefined;
  /** SHA-256 of the weights, in hex; of nothing for a remote network. */
  readonly sha256: string;
  /** Where it came from, for display. */
  readonly source: string;
  /** The licence stated by its package. */
  readonly licence?: string | undefined;
  readonly remote?: RemoteSettings | undefined;
}

/**
 * Brings a network into a folder, or contacts its server.
 *
 * @throws like `addModel`.
 */
export async function findNetwork(options: AddOptions, dir: string): Promise<Found> {
  const { address, tell } = options;
  if (address.kind === 'remote') {
    const { remote } = address;
    const { inputs, outputs } = await readRemoteFacts(remote, options.clock);
    const version = remote.version === undefined ? '' : ` version ${remote.version}`;
    tell(`model: ${remote.model}${version} on ${remote.url}, which is ready`);
    const source = `${remote.url}/v2/models/${remote.model}${version && `/versions/${remote.version}`}`;
    return { facts: { inputs, outputs, notes: {} }, sha256: NOTHING, source, remote };
  }
  const { bytes, ...found } = await takeWeights(address, dir, options);
  tell(`model: ${found.source}, ${(bytes / 1024 ** 2).toFixed(1)} MiB, SHA-256 ${found.sha256.slice(0, 12)}…`);
  return { ...found, facts: undefined };
}
