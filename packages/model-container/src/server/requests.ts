import { messageOf } from '@vigia/base';
import {
  type ContainerError,
  type ContainerErrorCode,
  describeRequestSchema,
  type GrantResponse,
  healthRequestSchema,
  type InferRequest,
  type InferResponse,
  inferRequestSchema,
  type WantRequest,
  requestIdSchema,
  unwantRequestSchema,
  wantRequestSchema,
} from '@vigia/contracts';
import type { Seen } from '#model';

/** A parsed and validated request. `invalid` contains the answer to send. */
export type ParsedRequest =
  | { readonly op: 'infer'; readonly request: InferRequest }
  | { readonly op: 'want'; readonly request: WantRequest }
  | { readonly op: 'unwant'; readonly request: UnwantRequest }
  | { readonly op: 'describe' | 'health'; readonly requestId: string | undefined }
  | { readonly op: 'invalid'; readonly answer: InferResponse | GrantResponse };

/** See `unwantRequestSchema`. */
export interface UnwantRequest extends Omit<WantRequest, 'op' | 'request_id'> {
  readonly request_id?: string | undefined;
}

/**
 * Parses one message.
 *
 * @returns undefined when it is not a JSON object: the peer does not speak this protocol; it receives an error and is
 *   closed. A JSON object with wrong fields is `invalid`: it is answered, and the connection stays open.
 */
export function parseRequest(payload: Buffer, modelId: string): ParsedRequest | undefined {
  const value = parseObject(payload);
  if (!value) return undefined;
  const op: unknown = value['op'] ?? 'infer';
  switch (op) {
    case 'infer': {
      const parsed = inferRequestSchema.safeParse(value);
      return parsed.success ? { op: 'infer', request: parsed.data } : invalid(value, modelId, parsed.error);
    }
    case 'want': {
      const parsed = wantRequestSchema.safeParse(value);
      return parsed.success ? { op: 'want', request: parsed.data } : invalid(value, modelId, parsed.error);
    }
    case 'unwant': {
      const parsed = unwantRequestSchema.safeParse(value);
      return parsed.success ? { op: 'unwant', request: parsed.data } : invalid(value, modelId, parsed.error);
    }
    case 'describe': {
      const parsed = describeRequestSchema.safeParse(value);
      return parsed.success
        ? { op: 'describe', requestId: parsed.data.request_id }
        : invalid(value, modelId, parsed.error);
    }
    case 'health': {
      const parsed = healthRequestSchema.safeParse(value);
      return parsed.success
        ? { op: 'health', requestId: parsed.data.request_id }
        : invalid(value, modelId, parsed.error);
    }
    default:
      return { op: 'invalid', answer: badRequest(value, modelId, `unknown op ${JSON.stringify(op)?.slice(0, 40)}`) };
  }
}

/** The answer to a failed `infer`. */
export function inferError(request: InferRequest, code: ContainerErrorCode, message: string): InferResponse {
  return { ...identity(request), detections: null, error: { code, message } };
}

/** The answer to a successful `infer`. */
export function inferOk(
  request: InferRequest,
  { detections, faint }: Seen,
  metadata: NonNullable<InferResponse['metadata']>,
): InferResponse {
  return { ...identity(request), detections, ...(faint && { faint }), metadata, error: null };
}

function identity(request: InferRequest): Pick<InferResponse, 'request_id' | 'model_id' | 'camera_id' | 'frame_id'> {
  return {
    ...(request.request_id === undefined ? {} : { request_id: request.request_id }),
    model_id: request.model_id,
    camera_id: request.camera_id,
    frame_id: request.frame_metadata.frame_id,
  };
}

/** The answer to a message that cannot be parsed. */
export function unreadable(modelId: string, message: string): InferResponse {
  return badRequest({}, modelId, message) as InferResponse;
}

/** The answer to a `want` without a grant: refused with an error, or withdrawn without one. */
export function noGrant(requestId: string, error: ContainerError | null): GrantResponse {
  return { request_id: requestId, grant: null, error };
}

function parseObject(payload: Buffer): Record<string, unknown> | undefined {
  try {
    // Fatal: invalid UTF-8 must not be replaced silently.
    const value: unknown = JSON.parse(UTF8.decode(payload));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch (error) {
    // Not JSON: the caller answers and closes. Any other exception would be a bug.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

type Issues = { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] };

function invalid(value: Record<string, unknown>, modelId: string, error: Issues): ParsedRequest {
  const issue = error.issues[0];
  const where = issue?.path.map(String).join('.') || 'message';
  return { op: 'invalid', answer: badRequest(value, modelId, `${where}: ${issue?.message ?? messageOf(error)}`) };
}

// Echoes the request's readable fields, so that the peer can match the error.
function badRequest(value: Record<string, unknown>, modelId: string, message: string): InferResponse | GrantResponse {
  const error = { code: 'bad_request', message } as const;
  const id = readableId(value);
  if (value['op'] === 'want' && id !== undefined) return noGrant(id, error);
  const camera = value['camera_id'];
  const meta = value['frame_metadata'];
  const frame = typeof meta === 'object' && meta !== null && 'frame_id' in meta ? meta.frame_id : undefined;
  return {
    ...(id === undefined ? {} : { request_id: id }),
    model_id: modelId,
    // Never splits a code point.
    camera_id: typeof camera === 'string' ? Array.from(camera.slice(0, 256)).slice(0, 128).join('') : '',
    frame_id: typeof frame === 'number' && Number.isSafeInteger(frame) ? frame : 0,
    detections: null,
    error,
  };
}

function readableId(value: Record<string, unknown>): string | undefined {
  const id = value['request_id'];
  return requestIdSchema.safeParse(id).data;
}
