import { readFile } from 'node:fs/promises';
import { messageOf, VigiaError } from '@vigia/base';
import { InferenceSession } from 'onnxruntime-node';
import protobuf from 'protobufjs/light.js';
import type { NetworkPort } from '#network';

/** Metadata of a network. */
export interface NetworkFacts {
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  /** Notes of its author. */
  readonly notes: { readonly classes?: readonly string[] | undefined; readonly licence?: string | undefined };
}

/** Reads inputs and outputs of an ONNX file, and its author's notes. @throws VigiaError `model_load`. */
export async function readOnnxFacts(path: string): Promise<NetworkFacts> {
  const notes = notesOf(metadataOf(await readFile(path)));
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(path, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  } catch (error) {
    throw new VigiaError('model_load', `this is no ONNX model that can be loaded: ${messageOf(error)}`, {
      path,
      cause: error,
    });
  }
  try {
    return { inputs: session.inputMetadata.map(portOf), outputs: session.outputMetadata.map(portOf), notes };
  } finally {
    await session.release();
  }
}

function portOf(metadata: InferenceSession.ValueMetadata): NetworkPort {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'not a tensor', shape: [] };
}

/** `ModelProto.metadata_props` of onnx.proto3. */
const METADATA_FIELD = 14;

// Parsed by hand: with the schema of a whole model, protobufjs would copy its weights.
function metadataOf(file: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  try {
    const reader = protobuf.Reader.create(file);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 !== METADATA_FIELD) {
        reader.skipType(tag & 7);
        continue;
      }
      const end = reader.uint32() + reader.pos;
      const entry = { 1: '', 2: '' };
      while (reader.pos < end) entry[(reader.uint32() >>> 3) as 1 | 2] = reader.string();
      found.set(entry[1], entry[2]);
    }
  } catch {
    // Not a model: the runtime, which loads it next, reports that better.
    found.clear();
  }
  return found;
}

/** Ultralytics writes `names` as a Python dictionary, and appends a URL to its licence. */
function notesOf(metadata: ReadonlyMap<string, string>): NetworkFacts['notes'] {
  const names: string[] = [];
  for (const [, id, , name = ''] of (metadata.get('names') ?? '').matchAll(/(\d+):\s*(['"])(.*?)\2/g)) {
    if (Number(id) === names.length) names.push(name);
  }
  const licence = /^[A-Za-z]+-[\d.]+(?=\s|$)/.exec(metadata.get('license') ?? '')?.[0];
  return { classes: names.length > 0 ? names : undefined, licence };
}
