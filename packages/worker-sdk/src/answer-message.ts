import { messageOf, VigiaError } from '@vigia/base';
import { type Detection, WORKER_DATA_LIMIT, type WorkerResult, workerResultSchema } from '@vigia/contracts';

/** Longest text of an error or a log line, in characters; the rest is cut off. */
export const TEXT_LIMIT = 4096;
const CODE_LIMIT = 64;

/** What a worker found in a frame. */
export interface Answer {
  /** Coordinates are 0..1 of the frame. Left out: none. */
  readonly detections?: readonly Detection[] | undefined;
  /** Whatever JSON can say, at most 256 KiB of it. */
  readonly data?: unknown;
}

/** The first thing that is wrong, with its place. */
export function sentenceOf(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  return `${issue?.path.map(String).join('.') || 'message'}: ${issue?.message ?? 'not as expected'}`;
}

/**
 * The message for a frame that went well.
 *
 * @throws VigiaError `bad_result` naming what the host would refuse.
 */
export function resultMessage(seq: number, { detections, data }: Answer): WorkerResult {
  const json = asJson(data);
  const parsed = workerResultSchema.safeParse({ type: 'result', seq, detections, data: json });
  if (parsed.success) return parsed.data;
  throw new VigiaError('bad_result', `the result of frame ${seq}: ${sentenceOf(parsed.error)}`);
}

/** The message for a frame without a result. Texts that are too long are cut: an error must get through. */
export function errorMessage(seq: number, message: string, code?: string): WorkerResult {
  const text = message.slice(0, TEXT_LIMIT);
  return { type: 'result', seq, error: code ? { code: code.slice(0, CODE_LIMIT), message: text } : text };
}

/** As it will be read: without functions and undefined, dates as text. The same for every way to the host. */
function asJson(data: unknown): unknown {
  if (data === undefined) return undefined;
  const text = toText(data);
  if (text === undefined) throw new VigiaError('bad_result', `data: JSON cannot say a ${typeof data}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > WORKER_DATA_LIMIT)
    throw new VigiaError('bad_result', `data: ${bytes} bytes of JSON, at most ${WORKER_DATA_LIMIT} are allowed`);
  return JSON.parse(text);
}

function toText(data: unknown): string | undefined {
  try {
    // Undefined for what JSON has no word for, whatever its type says.
    return JSON.stringify(data);
  } catch (error) {
    throw new VigiaError('bad_result', `data: JSON cannot say it: ${messageOf(error)}`, { cause: error });
  }
}
