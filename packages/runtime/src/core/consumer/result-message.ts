import { VigiaError } from '@vigia/base';
import type { Detection, ResultMessage, ResultStatus } from '@vigia/contracts';
import type { Geometry } from '#core/media';
import type { PictureStamps } from '#core/media/libav';
import { mapBack } from './map-back.ts';

/** The node and its run, the camera, the consumer, and the model or worker that a result belongs to. */
export type ResultSubject = Pick<ResultMessage, 'node' | 'boot' | 'camera' | 'consumer' | 'model' | 'worker'>;

/** The stages that a picture has passed on its way to a consumer's result. All times are monotonic milliseconds. */
export interface FlightRecord {
  readonly seq: number;
  readonly stamps: Pick<
    PictureStamps,
    'capturedMs' | 'capturedWallMs' | 'hiddenMs' | 'arrivedMs' | 'decodedMs' | 'ptsUs'
  >;
  /** Size of the whole picture, pixels. */
  readonly width: number;
  readonly height: number;
  readonly takenMs: number;
  /** Undefined until the stage is reached. */
  readonly renderedMs: number | undefined;
  readonly sentMs: number | undefined;
  readonly receivedMs: number | undefined;
  /** How the picture was rendered. An `ok` result needs it. */
  readonly geometry: Geometry | undefined;
}

/** The result of one picture, before it is mapped back. Detections are in shares of the rendition. */
export type Outcome =
  | { readonly status: 'ok'; readonly detections: readonly Detection[]; readonly data?: ResultMessage['data'] }
  | { readonly status: Exclude<ResultStatus, 'ok'>; readonly code: string; readonly message: string };

/** The one result of a picture: detections mapped back to the camera's whole picture, age and hops. */
export function resultMessage(
  subject: ResultSubject,
  flight: FlightRecord,
  outcome: Outcome,
  decidedMs: number,
): ResultMessage {
  const { stamps } = flight;
  const since = (atMs: number | undefined): number | null =>
    atMs === undefined ? null : round(atMs - stamps.capturedMs);
  const age = round(decidedMs - stamps.capturedMs);
  return {
    ...subject,
    seq: flight.seq,
    status: outcome.status,
    captured_at: new Date(stamps.capturedWallMs).toISOString(),
    age_ms: age,
    age_certain: stamps.hiddenMs === 0,
    age_bound_ms: stamps.hiddenMs === Number.POSITIVE_INFINITY ? null : round(age + stamps.hiddenMs),
    pts_us: stamps.ptsUs,
    hops_ms: {
      arrived: round(stamps.arrivedMs - stamps.capturedMs),
      decoded: round(stamps.decodedMs - stamps.capturedMs),
      taken: round(flight.takenMs - stamps.capturedMs),
      rendered: since(flight.renderedMs),
      sent: since(flight.sentMs),
      received: since(flight.receivedMs),
      decided: age,
    },
    detections: outcome.status === 'ok' ? whole(flight, outcome.detections) : null,
    ...(outcome.status === 'ok' && outcome.data !== undefined ? { data: outcome.data } : {}),
    error: outcome.status === 'ok' ? null : { code: outcome.code, message: outcome.message },
  };
}

function whole({ geometry, width, height }: FlightRecord, detections: readonly Detection[]): Detection[] {
  // An ok result requires a rendition.
  if (!geometry) throw new VigiaError('internal', 'a result without a rendition');
  return detections.map((detection) => mapBack(detection, geometry, width, height));
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
