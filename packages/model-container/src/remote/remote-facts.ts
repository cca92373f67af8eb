import type { Clock } from '@vigia/base';
import type { RemoteSettings } from '#manifest';
import type { NetworkPort } from '#network';
import { KserveClient } from './kserve-client.ts';
import { describeRemote, portOf } from './kserve-metadata.ts';

/** Whoever adds a model waits so long for its server. */
const PATIENCE_MS = 30_000;

/** Asks a server for the inputs and outputs of its model. @throws as `KserveNetwork.open`. */
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
