import type { Clock } from '@vigia/base';
import type { RemoteSettings } from '#manifest';
import type { NetworkPort } from '#network';
import { KserveClient } from './kserve-client.ts';
import { describeRemote, portOf } from './kserve-metadata.ts';

/** How long adding a model waits for its server. */
const PATIENCE_MS = 30_000;

/** Requests inputs and outputs of a model from its server. @throws like `KserveNetwork.open`. */
export async function readRemoteFacts(
  remote: RemoteSettings,
  clock: Clock,
): Promise<{ readonly inputs: readonly NetworkPort[]; readonly outputs: readonly NetworkPort[] }> {
  const client = new KserveClient({ remote, clock, timeoutMs: PATIENCE_MS });
  try {
    const { inputs, outputs } = await describeRemote(client, remote);
    return { inputs: inputs.map(portOf), outputs: outputs.map(portOf) };
  } finally {
    client.close();
  }
}
