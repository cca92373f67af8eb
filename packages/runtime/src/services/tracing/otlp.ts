import { randomBytes } from 'node:crypto';
import { type FrameTrace, type Stage, stagesOf, TEXT_LIMIT } from './frame-trace.ts';

/** What every trace of a node has in common. */
export interface TraceResource {
  readonly node: string;
  /** The run of the node. */
  readonly boot: string;
  /** The version of vigia. */
  readonly version: string;
}

/** An attribute, as OTLP writes it in JSON. */
interface Attribute {
  readonly key: string;
  readonly value:
    | { readonly stringValue: string }
    | { readonly intValue: string }
    | { readonly doubleValue: number }
    | { readonly boolValue: boolean };
}

/** Hexadecimal. The root span of a trace has no parent. */
interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

/** A span, as OTLP writes it in JSON. */
interface Span extends SpanIds {
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number; readonly message?: string };
}

/** Values of OTLP's enumerations. */
const INTERNAL = 1;
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** A request to a collector: an `ExportTraceServiceRequest` of OTLP 1, in JSON. */
export function tracesRequest({ node, boot, version }: TraceResource, frames: readonly FrameTrace[]): string {
  const attributes = [
    text('service.name', 'vigia'),
    text('service.version', version),
    text('service.instance.id', `${node}/${boot}`),
  ];
  const spans = frames.flatMap((frame) => spansOf(node, frame));
  const scopeSpans = [{ scope: { name: 'vigia', version }, spans }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans }] });
}

/** The root span of a frame, and one span per stage. */
function spansOf(node: string, frame: FrameTrace): Span[] {
  const stages = stagesOf(frame);
  const ids = randomBytes(TRACE_ID_BYTES + SPAN_ID_BYTES * (stages.length + 1)).toString('hex');
  const traceId = ids.slice(0, 2 * TRACE_ID_BYTES);
  const spanId = (n: number): string => ids.slice(2 * (TRACE_ID_BYTES + n * SPAN_ID_BYTES)).slice(0, 2 * SPAN_ID_BYTES);
  const parentSpanId = spanId(0);
  const whole = { name: 'frame', fromMs: 0, toMs: stages.at(-1)?.toMs ?? 0, failed: frame.status !== 'ok' };
  return [
    { ...spanOf(frame, whole, { traceId, spanId: parentSpanId }), attributes: attributesOf(node, frame) },
    ...stages.map((stage, i) => spanOf(frame, stage, { traceId, spanId: spanId(i + 1), parentSpanId })),
  ];
}

function spanOf({ capturedMs, error }: FrameTrace, stage: Stage, ids: SpanIds): Span {
  return {
    ...ids,
    name: stage.name,
    kind: INTERNAL,
    startTimeUnixNano: nanoseconds(capturedMs + stage.fromMs),
    endTimeUnixNano: nanoseconds(capturedMs + stage.toMs),
    attributes: [],
    status: stage.failed
      ? { code: STATUS_ERROR, ...(error ? { message: error.message } : {}) }
      : { code: STATUS_UNSET },
  };
}

function attributesOf(node: string, frame: FrameTrace): Attribute[] {
  const { boot, camera, consumer, model, worker, seq, status, age_ms: ageMs, age_certain: certain, error } = frame;
  return [
    text('vigia.node', node),
    text('vigia.boot', boot),
    text('vigia.camera', camera),
    text('vigia.consumer', consumer),
    ...(model === null ? [] : [text('vigia.model', model)]),
    ...(worker === undefined ? [] : [text('vigia.worker', worker)]),
    { key: 'vigia.seq', value: { intValue: String(seq) } },
    text('vigia.status', status),
    { key: 'vigia.age_ms', value: { doubleValue: ageMs } },
    { key: 'vigia.age_certain', value: { boolValue: certain } },
    ...(error ? [text('error.type', error.code)] : []),
  ];
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value.slice(0, TEXT_LIMIT) } };
}

/** As decimal digits. Microseconds are exact in a number, nanoseconds since 1970 are not. */
function nanoseconds(wallMs: number): string {
  return `${Math.round(wallMs * 1000)}000`;
}
