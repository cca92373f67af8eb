import { Decoder, Encoder } from '@msgpack/msgpack';
import { encodeFrame, messageOf, VigiaError } from '@vigia/base';
import { type FromWorker, WORKER_MESSAGE_LIMIT } from '@vigia/contracts';

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/**
 * A message with its length prefix.
 *
 * @throws VigiaError `bad_result` when it is longer or more deeply nested than a worker's message may be.
 */
export function encodeMessage(message: FromWorker): Buffer {
  const payload = encodePayload(message);
  if (payload.byteLength > WORKER_MESSAGE_LIMIT)
    throw new VigiaError(
      'bad_result',
      `a ${message.type} of ${payload.byteLength} bytes, at most ${WORKER_MESSAGE_LIMIT} are allowed`,
    );
  return encodeFrame(payload);
}

/**
 * A message of the host: a map with a `type`. Its bytes are views of `payload`.
 *
 * @throws VigiaError `bad_message`.
 */
export function decodeMessage(payload: Uint8Array): { readonly type: string } {
  let message: unknown;
  try {
    message = decoder.decode(payload);
  } catch (error) {
    throw new VigiaError('bad_message', `the host sent what is no MessagePack: ${messageOf(error)}`, { cause: error });
  }
  if (hasType(message)) return message;
  throw new VigiaError('bad_message', 'the host sent something that is no map with a type');
}

function encodePayload(message: FromWorker): Uint8Array {
  try {
    return encoder.encodeSharedRef(message);
  } catch (error) {
    throw new VigiaError('bad_result', `a ${message.type} cannot be sent: ${messageOf(error)}`, { cause: error });
  }
}

function hasType(value: unknown): value is { readonly type: string } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
