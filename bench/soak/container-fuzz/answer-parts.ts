import { encodeJson } from '@vigia/base';
import type { ResultStatus } from '@vigia/contracts';

/** A request as the client sent it. */
export interface Asked {
  readonly request_id: string;
  readonly frame_id: number;
}

/** One misbehaviour of the server of a camera's connection. */
export interface AnswerCase {
  readonly kind: string;
  /** The request that receives this answer. */
  readonly op: 'infer' | 'want';
  /** The bytes in place of the answer. */
  readonly bytes: (asked: Asked) => Buffer;
  /** What follows at once: the end, a reset, or nothing. */
  readonly after?: 'end' | 'reset';
  /**
   * The rest of the stream may be the beginning of another message: any outcome is accepted until the connection is
   * replaced.
   */
  readonly misaligned?: boolean;
  /** Allowed outcomes of the frame. */
  readonly statuses: (asked: Asked) => readonly ResultStatus[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** A correct answer. */
export function goodAnswer({ request_id, frame_id }: Asked): Fields {
  return {
    request_id,
    model_id: 'm',
    camera_id: 'hall',
    frame_id,
    detections: [{ class_id: 0, class_name: 'person', confidence: 0.5, bbox: [0.25, 0.25, 0.5, 0.5] }],
    metadata: { inference_time_ms: 1, queue_ms: 0, batch_size: 1, model_version: '1' },
    error: null,
  };
}

/** A correct answer with additional fields that make it wrong. */
export function spoiled(kind: string, fields: (asked: Asked) => Fields, ...statuses: ResultStatus[]): AnswerCase {
  const bytes = (asked: Asked): Buffer => encodeJson({ ...goodAnswer(asked), ...fields(asked) });
  return { kind, op: 'infer', bytes, statuses: () => statuses };
}

/** Bytes that make the connection unusable: it is closed, and the frame is lost. */
export function broken(kind: string, bytes: (asked: Asked) => Buffer): AnswerCase {
  return { kind, op: 'infer', bytes, statuses: () => ['unavailable'] };
}
