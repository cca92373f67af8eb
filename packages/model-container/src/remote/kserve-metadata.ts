import { VigiaError } from '@vigia/base';
import type { RemoteSettings } from '#manifest';
import type { NetworkPort } from '#network';
import { z } from 'zod';
import type { KserveClient } from './kserve-client.ts';
import type { PortDescription } from './tensor-codec.ts';

/** Inputs and outputs as a server describes them. */
export interface RemoteDescription {
  readonly inputs: readonly PortDescription[];
  readonly outputs: readonly PortDescription[];
}

const portSchema = z.object({
  name: z.string().min(1),
  datatype: z.string(),
  // Some servers send sizes as strings.
  shape: z.array(z.coerce.number<number | string>().int()),
});
const metadataSchema = z.object({ inputs: z.array(portSchema).min(1), outputs: z.array(portSchema).min(1) });

/**
 * Requests the metadata of a model, which must be ready.
 *
 * @throws VigiaError `overloaded`, `deadline_exceeded`, `inference_failed` (see {@link KserveClient}), `model_load`.
 */
export async function describeRemote(client: KserveClient, remote: RemoteSettings): Promise<RemoteDescription> {
  await client.checkReady();
  const parsed = metadataSchema.safeParse(await client.metadata());
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const text = `what ${remote.url} says of model ${remote.model} is not of the protocol: ${issue?.path.join('.') || 'document'}: ${issue?.message}`;
  throw new VigiaError('model_load', text);
}

/** The runtime's names of the protocol's element types. */
const TYPES: Readonly<Record<string, string>> = {
  UINT8: 'uint8',
  BOOL: 'bool',
  INT32: 'int32',
  INT64: 'int64',
  FP32: 'float32',
  FP16: 'float16',
  FP64: 'float64',
};

/** A port in the terms of a local network. */
export function portOf({ name, datatype, shape }: PortDescription): NetworkPort {
  return { name, type: TYPES[datatype] ?? datatype, shape };
}
