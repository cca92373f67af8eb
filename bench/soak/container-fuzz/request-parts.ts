import { encodeJson } from '@vigia/base';
import type { ContainerErrorCode } from '@vigia/contracts';
import { type FuzzFiles, SIDE } from './fuzz-files.ts';
import type { Random } from './random.ts';

/** Outcome of an answer: an error code, or `ok`. */
export type Verdict = ContainerErrorCode | 'ok';

/** One attack on a container. */
export interface RequestCase {
  /** Its row in the table. */
  readonly kind: string;
  /** The bytes, by write. */
  readonly writes: readonly Buffer[];
  /**
   * `kept`: on a connection that is used further. `own`: on a new one, which the attacker then ends. `reset`: the same,
   * reset at once. `open`: the same, left open.
   */
  readonly connection: 'kept' | 'own' | 'reset' | 'open';
  /** Expected number of answers, or any number. */
  readonly answers: number | 'any';
  /** Allowed outcomes; undefined: anything that the schemas allow. */
  readonly verdicts?: readonly Verdict[] | undefined;
  /** Whether the container has to close the connection. Only with `own`. */
  readonly refused?: boolean;
}

/** Ingredients of cases. */
export interface RequestContext {
  readonly random: Random;
  readonly files: FuzzFiles;
  readonly modelId: string;
  /** Unique number of this case. */
  readonly number: number;
}

export type Fields = Readonly<Record<string, unknown>>;

/** A valid `infer` of the plain file. */
export function goodInfer({ files, modelId, number }: Pick<RequestContext, 'files' | 'modelId' | 'number'>): Fields {
  return {
    request_id: `r${number}`,
    model_id: modelId,
    camera_id: `c${number}`,
    timestamp: 1,
    frame_reference: files.plain,
    frame_metadata: { frame_id: number, width: SIDE, height: SIDE, format: 'RGB24' },
  };
}

/** The same for the slot. */
export function goodSlot(context: RequestContext, more: Fields = {}): Fields {
  const { files } = context;
  const slot = { slot: 1, generation: String(files.generation), epoch: String(files.epoch), frame_id: 7 };
  const metadata = { width: SIDE, height: SIDE, format: 'RGB24', ...slot, ...more };
  return { ...goodInfer(context), frame_reference: files.ring, frame_metadata: metadata };
}

export function kept(kind: string, message: unknown, verdicts: readonly Verdict[]): RequestCase {
  return { kind, writes: [encodeJson(message)], connection: 'kept', answers: 1, verdicts };
}

/** Bytes on a new connection that must be refused. */
export function refused(kind: string, bytes: Buffer): RequestCase {
  return { kind, writes: [bytes], connection: 'own', answers: 1, verdicts: ['bad_request'], refused: true };
}
