import { createLog, sleep, systemClock } from '@vigia/base';
import { type AuthOptions, type SentUnit, SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import { DECODE_ALL, type Picture, StreamCapture } from '../../support/runtime-internals.ts';
import { type Exhibit, hashOf } from './clips.ts';
import { type Combination, faultsOf } from './combination.ts';

type State = Parameters<ConstructorParameters<typeof StreamCapture>[0]['onState']>[0];
type Counters = ReturnType<StreamCapture['counters']>;

/** A published picture. Times in milliseconds since the start of the visit. */
export interface Shown {
  readonly atMs: number;
  /** The unit that it belongs to; undefined: the camera sent none with its time. */
  readonly index: number | undefined;
  readonly isEqual: boolean;
  readonly concealed: boolean;
  /** Reported age minus true age. */
  readonly errorMs: number;
  /** By which the simulated camera itself sent it after its time, as on a busy machine (its time stamp shows it). */
  readonly cameraLagMs: number;
  /** By how much it may be older than it says; infinite: nobody knows. */
  readonly hiddenMs: number;
  readonly reportedAgeMs: number;
}

/** What was seen of one camera. */
export interface Evidence {
  readonly states: readonly { readonly atMs: number; readonly state: State }[];
  readonly shown: readonly Shown[];
  readonly counters: Counters;
  /** Counters that did not add up. */
  readonly unconserved: readonly string[];
  readonly unitsSent: number;
  readonly endMs: number;
}

/** What a control does to a picture before it is judged. */
export interface Tampering {
  /** One bit of the picture is another. */
  readonly pixel?: boolean;
  /** It says that it is so much younger. Milliseconds. */
  readonly youngerMs?: number;
}

/** Most sentences about counters that are kept. */
const MOST_UNCONSERVED = 3;
/** The time stamps of a camera that is only busy do not step so far. Milliseconds. */
const NEW_CLOCK_MS = 2_000;
const LOGIN = { user: 'viewer', password: 'pa/ss' } as const;
const BACKOFF = { firstMs: 50, maxMs: 400 } as const;

/** One camera of the zoo, and the runtime's own capture of it. */
export class Visit {
  readonly #exhibit: Exhibit;
  readonly #tampering: Tampering;
  readonly #startedMs = systemClock.nowMs();
  readonly #sent = new Map<number, { readonly index: number; readonly trueMs: number; readonly lagMs: number }>();
  readonly #states: { readonly atMs: number; readonly state: State }[] = [];
  readonly #shown: Shown[] = [];
  readonly #unconserved: string[] = [];
  readonly #ticksScale: number;
  #unitsSent = 0;
  #firstRtpTime: number | undefined;
  #leastOffsetMs = Number.POSITIVE_INFINITY;
  #concealed = 0;
  #camera: SimulatedCamera | undefined;
  #capture: StreamCapture | undefined;
  #ending: Promise<Evidence> | undefined;

  constructor({ fps }: Combination, exhibit: Exhibit, tampering: Tampering = {}) {
    this.#exhibit = exhibit;
    this.#tampering = tampering;
    this.#ticksScale = exhibit.clip.fps / fps / 90;
  }

  /** Starts the camera, then the capture. The caller ends the visit in every case. */
  async start(combination: Combination): Promise<void> {
    this.#camera = await SimulatedCamera.start({
      ...cameraOptions(combination),
      clip: this.#exhibit.clip,
      onUnitSent: (unit) => this.#onSent(unit),
    });
    this.#capture = new StreamCapture({
      url: urlOf(this.#camera.url, combination),
      transport: combination.transport ?? 'tcp',
      clock: systemClock,
      log: createLog('soak', () => undefined),
      sink: { publish: (picture) => this.#onPicture(picture), hasDemand: () => true },
      decode: { ...DECODE_ALL, onLoss: combination.onLoss ?? 'wait', threads: combination.threads ?? 1 },
      backoff: BACKOFF,
      onState: (state) => this.#states.push({ atMs: this.#nowMs(), state }),
    });
    this.#capture.start();
  }

  /** Makes the combination's change. */
  async change({ change, ...rest }: Combination): Promise<void> {
    if (!change) return;
    await this.#camera?.setFaults(faultsOf(rest, change));
    if (change.drop || change.relayMs !== undefined) this.#camera?.dropClients();
  }

  /** Ends both. Idempotent. */
  end(): Promise<Evidence> {
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  async #finish(): Promise<Evidence> {
    const endMs = this.#nowMs();
    const states = [...this.#states];
    const shown = [...this.#shown];
    const unitsSent = this.#unitsSent;
    const counters = this.#checkCounters();
    await this.#capture?.close();
    this.#checkCounters();
    await this.#camera?.close();
    return { states, shown, counters, unconserved: this.#unconserved, unitsSent, endMs };
  }

  #nowMs(): number {
    return systemClock.nowMs() - this.#startedMs;
  }

  #onSent({ index, rtpTime, sentMonotonicNs }: SentUnit): void {
    const { units, reorderTicks } = this.#exhibit.clip;
    const { ptsTicks = 0, dtsTicks = 0 } = units[index] ?? {};
    // A picture is sent when those that it needs were captured: one that others do not wait for was captured before.
    const sinceMs = (reorderTicks - (ptsTicks - dtsTicks)) * this.#ticksScale;
    const trueMs = Number(sentMonotonicNs) / 1e6 - sinceMs;
    this.#unitsSent += 1;
    this.#sent.set(rtpTime, { index, trueMs, lagMs: this.#lagMs(rtpTime, trueMs) });
  }

  /** How late the camera is by its own time stamps. */
  #lagMs(rtpTime: number, trueMs: number): number {
    this.#firstRtpTime ??= rtpTime;
    // Signed: B-frames go back.
    const offsetMs = trueMs - ((rtpTime - this.#firstRtpTime) | 0) / 90;
    // Another session has other time stamps, and some jump.
    if (Math.abs(offsetMs - this.#leastOffsetMs) > NEW_CLOCK_MS) this.#leastOffsetMs = offsetMs;
    this.#leastOffsetMs = Math.min(this.#leastOffsetMs, offsetMs);
    return offsetMs - this.#leastOffsetMs;
  }

  #onPicture(picture: Picture): void {
    const { capturedMs, hiddenMs, ptsUs } = picture.stamps;
    const { concealed } = this.#checkCounters();
    const unit = this.#sent.get(Math.round((ptsUs * 9) / 100) >>> 0);
    const saidMs = capturedMs + (this.#tampering.youngerMs ?? 0);
    this.#shown.push({
      atMs: this.#nowMs(),
      index: unit?.index,
      isEqual: unit !== undefined && this.#hashOf(picture) === this.#exhibit.hashes.get(unit.index),
      concealed: concealed > this.#concealed,
      cameraLagMs: unit?.lagMs ?? 0,
      errorMs: unit ? unit.trueMs - saidMs : 0,
      hiddenMs,
      reportedAgeMs: systemClock.nowMs() - saidMs,
    });
    this.#concealed = concealed;
    picture.release();
  }

  #hashOf({ frame }: Picture): string {
    const plane = frame.data?.[0];
    if (this.#tampering.pixel && plane) plane[0] = (plane[0] ?? 0) ^ 1;
    return hashOf(frame);
  }

  #checkCounters(): Counters {
    const capture = this.#capture as StreamCapture;
    const counters = capture.counters();
    const { captured, published, noDemand, undecodable, late, inDecoder } = counters;
    const sum = published + noDemand + undecodable + late + inDecoder;
    if (sum !== captured && this.#unconserved.length < MOST_UNCONSERVED)
      this.#unconserved.push(`captured ${captured}, but accounted for ${sum}: ${JSON.stringify(counters)}`);
    return counters;
  }
}

function cameraOptions(c: Combination): Omit<SimulatedCameraOptions, 'clip'> {
  const auth = authOf(c);
  return {
    fps: c.fps,
    seed: c.seed,
    faults: faultsOf(c),
    startAtKeyframe: c.join ? 'next' : 'immediately',
    parameterSets: c.sets ?? 'keyframes',
    parameterSetPackets: c.setPackets ?? 'own',
    markers: c.markers ?? 'last',
    maxPayloadBytes: c.payloadBytes ?? 1_400,
    sessionTimeoutS: c.sessionTimeoutS ?? 60,
    ...(auth ? { auth } : {}),
    ...(c.quirk ? { quirks: [c.quirk] } : {}),
    ...(c.manners ? { mannersFiles: [c.manners] } : {}),
  };
}

function authOf({ auth }: Combination): AuthOptions | undefined {
  if (auth === undefined) return undefined;
  return auth === 'wrong' ? { ...LOGIN, scheme: 'digest', password: 'another' } : { ...LOGIN, scheme: auth };
}

function urlOf(url: string, { auth }: Combination): string {
  const login = `${LOGIN.user}:${encodeURIComponent(LOGIN.password)}@`;
  return auth === undefined ? url : url.replace('://', `://${login}`);
}

/** Plays one combination. */
export async function visited(
  combination: Combination,
  exhibit: Exhibit,
  signal: AbortSignal,
  tampering: Tampering = {},
): Promise<Evidence> {
  const visit = new Visit(combination, exhibit, tampering);
  await visit.start(combination);
  try {
    const lastsMs = combination.seconds * 1000;
    const firstMs = Math.min(lastsMs, combination.change?.atMs ?? lastsMs);
    await sleep(systemClock, firstMs, signal);
    await visit.change(combination);
    await sleep(systemClock, lastsMs - firstMs, signal);
    return await visit.end();
  } finally {
    await visit.end();
  }
}
