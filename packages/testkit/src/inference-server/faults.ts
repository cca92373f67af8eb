import type { InferAnswer } from './messages.ts';

/** Misbehaviour of the server, until changed. */
export type InferenceFault =
  /** Answers with this status and an error of the protocol. */
  | { readonly kind: 'status'; readonly status: number; readonly error?: string }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** Answers bytes that are no message. */
  | { readonly kind: 'garbage' }
  /** Announces an answer, sends half of it and closes the connection. */
  | { readonly kind: 'half' }
  /** Closes the connection instead of answering. */
  | { readonly kind: 'close' }
  /** Alters the computed answer. */
  | { readonly kind: 'altered'; readonly alter: (answer: InferAnswer) => InferAnswer };

/** The bytes of an answer, and the length of its JSON part. */
export function encodeAnswer({ json, binary }: InferAnswer): { readonly body: Buffer; readonly jsonBytes: number } {
  const head = Buffer.from(JSON.stringify(json));
  return { body: Buffer.concat([head, ...binary]), jsonBytes: head.byteLength };
}
