import { COMMAND_ID_PATTERN } from '@vigia/contracts';

/** Longest payload of a command, bytes. */
const PAYLOAD_LIMIT = 65_536;
/** After `vigia/<node>`. An id of a camera or a command; `_node` stands for the whole node. */
const ADDRESS = /^\/cmd\/(?<camera>[a-z0-9_][a-z0-9_-]{0,62})\/(?<command>[a-z0-9_][a-z0-9_-]{0,62})$/;

/** A message that the broker delivered. */
export interface Delivery {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The broker had kept the message: it may be old, and comes again with each connection. */
  readonly retained: boolean;
}

/** A command that can be answered. Whether the node knows it, and whether its payload is valid, is not known yet. */
export interface CommandMessage {
  readonly id: string;
  readonly command: string;
  /** `_node` for a command to the whole node. */
  readonly camera: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Reads a message. @returns the reason, for the log, when the message cannot be answered. It quotes nothing. */
export function readCommand(node: string, { topic, payload, retained }: Delivery): CommandMessage | string {
  const prefix = `vigia/${node}`;
  const address = topic.startsWith(prefix) ? ADDRESS.exec(topic.slice(prefix.length))?.groups : undefined;
  if (!address) return 'its topic names no camera and command of this node';
  if (retained) return 'it is retained, and would be repeated with each connection: publish it without that flag';
  if (payload.byteLength > PAYLOAD_LIMIT) return `it has more than ${PAYLOAD_LIMIT} bytes`;
  const fields = objectIn(payload);
  const id = fields?.['id'];
  if (!fields || typeof id !== 'string' || !COMMAND_ID_PATTERN.test(id))
    return 'it is no JSON object with an "id" of 1 to 64 letters, digits, _ and -';
  return { id, command: address['command'] ?? '', camera: address['camera'] ?? '', payload: fields };
}

function objectIn(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    // An array passes, and has no id.
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // No JSON.
    return undefined;
  }
}
