import { randomInt } from 'node:crypto';
import { type Clock, systemClock, VigiaError } from '@vigia/base';
import { loadRecordings, VendorManners } from '#simulated-camera/manners';
import {
  type AudioEncoding,
  type AudioSource,
  type Clip,
  createAudio,
  DEFAULT_MAX_PAYLOAD_BYTES,
  MARKERS,
  type Markers,
  type Packetization,
  SET_PACKETS,
  type SetPackets,
  type Pacing,
} from '#simulated-camera/media';
import {
  type AuthOptions,
  defaultManners,
  type Manners,
  QUIRKS,
  type Quirk,
  VIDEO_PAYLOAD_TYPE,
} from '#simulated-camera/rtsp';
import { PARAMETER_SETS, type ParameterSetPlace, type SentUnit } from '#simulated-camera/session';
import type { TransportName } from '#simulated-camera/transport';
import type { TlsOptions } from './entrance.ts';
import type { CameraNotice } from './notices.ts';
import { seededRandom32 } from './seeded-random.ts';

/** Options that JSON can express: those of a camera in a process of its own. */
export interface SimulatedCameraSettings {
  /** Path of a video file with an H.264 track. */
  readonly clip: string;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** 0..65535; 0, the default, takes any free port. */
  readonly port?: number;
  /** Path in the URL, with its query if it has one; begins with `/`. Default `/stream`. */
  readonly path?: string;
  /** Default: no credentials are required. */
  readonly auth?: AuthOptions;
  /** Frames per second, 0.1..240. Default: the clip's own. */
  readonly fps?: number;
  /** Encoding name in the session description, independent of the clip. Default `H264`. */
  readonly advertisedCodec?: string;
  /** Whether each access unit carries its send time (see `readSendTime`). Default true. */
  readonly stampSendTime?: boolean;
  /** `immediately` (default): PLAY starts the clip; `next`: PLAY joins the camera's own round at its next keyframe. */
  readonly startAtKeyframe?: 'immediately' | 'next';
  /** `lock-step`: a unit is sent only on `step()`. Default `real-time`. */
  readonly pacing?: 'real-time' | 'lock-step';
  /**
   * RTP time in lock-step: real time since PLAY (`elapsed`), or the clip's own (`clip`). Default `elapsed`; for a clip
   * with B-frames `clip`, because `elapsed` would lose their order.
   */
  readonly lockStepTime?: 'elapsed' | 'clip';
  /** Size of RTP packets, 100..60000 bytes. Default 1400. */
  readonly maxPayloadBytes?: number;
  /** Where parameter sets are, apart from the description. Default `keyframes`. */
  readonly parameterSets?: ParameterSetPlace;
  /** How parameter sets are packed. Default `own`. */
  readonly parameterSetPackets?: SetPackets;
  /** Which packets have the marker bit. Default `last`, the last one of an access unit. */
  readonly markers?: Markers;
  /** Announced session timeout, 1..86400 s; a silent client is cut off 10 s later. Default 60. */
  readonly sessionTimeoutS?: number;
  /** Bytes waiting in a client's socket above which units are dropped, 0..1 GiB. Default 4 MiB. */
  readonly maxBacklogBytes?: number;
  /** Connections at the same time, 1..1000; further ones are closed at once. Default 64. */
  readonly maxConnections?: number;
  /** Certificate and key, PEM-encoded: the camera then speaks `rtsps` only. Default: no TLS. */
  readonly tls?: TlsOptions;
  /** Transports accepted in SETUP, others are answered 461. Default both; the client's order counts. */
  readonly transports?: readonly TransportName[];
  /** Faults from the start: `NAME[:ARG]`, see `FAULTS`. Default none. */
  readonly faults?: readonly string[];
  /** The clip for the faults `resolution` and `codec-change`: path of a video file. */
  readonly secondClip?: string;
  /** Sound: a tone (`pcma`, `pcmu`), or the clip's own AAC. Needs pacing `real-time`. Default `none`. */
  readonly audio?: 'none' | AudioEncoding;
  /** Peculiarities of real cameras, see `QUIRKS`. Default none. */
  readonly quirks?: readonly Quirk[];
  /**
   * Recorded replies of a real camera: files, or prefixes of files (`…/reolink` means `…/reolink_*.txt`); later ones
   * override earlier ones. Names without a folder are also searched in `packages/testkit/manners`.
   */
  readonly mannersFiles?: readonly string[];
  /** 0..2^32-1: makes identifiers, time stamps and the targets of faults reproducible. Default: random. */
  readonly seed?: number;
}

/** Options of a camera in this process. */
export interface SimulatedCameraOptions extends Omit<SimulatedCameraSettings, 'clip' | 'secondClip'> {
  /** A path, or a loaded clip: several cameras may share one. */
  readonly clip: string | Clip;
  readonly secondClip?: string | Clip;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Uniform integers in 0..2^32-1 for identifiers, sequence numbers and time stamps. Default: cryptographic. */
  readonly random32?: () => number;
  /** Overrides for the wording of replies. */
  readonly manners?: Partial<Manners>;
  /** See `SimulatedCamera.onUnitSent`. */
  readonly onUnitSent?: (unit: SentUnit) => void;
  /** Called with the number of playing sessions whenever it changes. Must not throw. */
  readonly onPlayingChanged?: (playing: number) => void;
  /** Called for events worth logging. Must not throw. */
  readonly onNotice?: (notice: CameraNotice) => void;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  /** Without trailing slashes; empty for the root. */
  readonly path: string;
  readonly auth: AuthOptions | undefined;
  readonly advertisedCodec: string | undefined;
  readonly programme: {
    readonly fps: number | undefined;
    readonly secondClip: string | Clip | undefined;
    readonly payloadType: number;
    readonly otherPayloadType: number;
  };
  readonly tls: TlsOptions | undefined;
  readonly audio: AudioSource | undefined;
  readonly transports: readonly TransportName[];
  readonly quirks: readonly Quirk[];
  readonly stampSendTime: boolean;
  readonly parameterSets: ParameterSetPlace;
  readonly packetization: Packetization;
  readonly startAtKeyframe: 'immediately' | 'next';
  readonly pacing: Pacing;
  readonly maxPayloadBytes: number;
  readonly sessionTimeoutS: number;
  readonly maxBacklogBytes: number;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly random32: () => number;
  /** Random numbers for the targets of faults. */
  readonly faultRandom32: () => number;
  readonly manners: Manners;
  /** Recorded manners; already merged into `manners`. */
  readonly vendor: VendorManners | undefined;
}

interface Rule {
  readonly allowed: string;
  readonly test: (value: unknown) => boolean;
}

const text = (allowed: string, pattern: RegExp): Rule => ({
  allowed,
  test: (value) => typeof value === 'string' && pattern.test(value),
});
const oneOf = (...values: string[]): Rule => ({
  allowed: `one of ${values.join(', ')}`,
  test: (value) => typeof value === 'string' && values.includes(value),
});
const number = (min: number, max: number, integer = true): Rule => ({
  allowed: `${integer ? 'an integer' : 'a number'} in ${min}..${max}`,
  test: (value) => typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)),
});
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const listOf = (allowed: string, test: (value: unknown) => boolean): Rule => ({
  allowed,
  test: (value) => Array.isArray(value) && value.every(test),
});
const isFunction: Rule = { allowed: 'a function', test: (value) => typeof value === 'function' };
const anObject: Rule = { allowed: 'an object', test: isObject };

const RULES: Readonly<Record<keyof SimulatedCameraOptions, Rule>> = {
  clip: {
    allowed: 'the path of a video file, or a loaded clip',
    test: (v) => (typeof v === 'string' && v !== '') || isObject(v),
  },
  host: text('an address', /^\S+$/),
  port: number(0, 65_535),
  path: text('a path that begins with / and has no spaces', /^\/\S*$/),
  auth: { allowed: '{scheme: basic or digest or digest-sha256, user, password, realm?}', test: isAuth },
  fps: number(0.1, 240, false),
  advertisedCodec: text('an encoding name such as H265', /^[\w.-]+$/),
  stampSendTime: { allowed: 'true or false', test: (value) => typeof value === 'boolean' },
  startAtKeyframe: oneOf('immediately', 'next'),
  pacing: oneOf('real-time', 'lock-step'),
  lockStepTime: oneOf('elapsed', 'clip'),
  maxPayloadBytes: number(100, 60_000),
  parameterSets: oneOf(...PARAMETER_SETS),
  parameterSetPackets: oneOf(...SET_PACKETS),
  markers: oneOf(...MARKERS),
  sessionTimeoutS: number(1, 86_400),
  maxBacklogBytes: number(0, 2 ** 30),
  maxConnections: number(1, 1000),
  clock: anObject,
  random32: isFunction,
  transports: {
    allowed: 'a list of tcp and udp, not empty',
    test: (value) => Array.isArray(value) && value.length > 0 && value.every((one) => one === 'tcp' || one === 'udp'),
  },
  faults: listOf('a list of texts NAME[:ARG]', (value) => typeof value === 'string'),
  secondClip: {
    allowed: 'the path of a video file, or a loaded clip',
    test: (v) => (typeof v === 'string' && v !== '') || isObject(v),
  },
  tls: {
    allowed: '{cert, key}, two PEM texts,',
    test: (value) => isObject(value) && typeof value['cert'] === 'string' && typeof value['key'] === 'string',
  },
  audio: oneOf('none', 'pcma', 'pcmu', 'aac'),
  quirks: listOf(
    `a list of ${Object.keys(QUIRKS).join(', ')}`,
    (value) => typeof value === 'string' && Object.hasOwn(QUIRKS, value),
  ),
  mannersFiles: listOf('a list of paths', (value) => typeof value === 'string' && value !== ''),
  seed: number(0, 2 ** 32 - 1),
  manners: anObject,
  onUnitSent: isFunction,
  onPlayingChanged: isFunction,
  onNotice: isFunction,
};

function isAuth(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { scheme, user, password, realm } = value;
  const realmFits = realm === undefined || (typeof realm === 'string' && !realm.includes('"'));
  return (
    ['basic', 'digest', 'digest-sha256'].includes(String(scheme)) &&
    typeof user === 'string' &&
    typeof password === 'string' &&
    realmFits
  );
}

/**
 * Checks names, types and ranges, also for JSON from elsewhere.
 *
 * @throws VigiaError `bad_option` whose `path` is the option's name. The values of `auth` and `tls` are not repeated.
 */
export function checkOptions(value: unknown): asserts value is SimulatedCameraOptions {
  if (!isObject(value)) throw badOption('options', 'are not an object: an object with at least "clip" is needed');
  if (value['clip'] === undefined) throw badOption('clip', 'is missing: the path of a video file is needed');
  for (const [name, found] of Object.entries(value)) {
    const rule: Rule | undefined = Object.hasOwn(RULES, name) ? RULES[name as keyof SimulatedCameraOptions] : undefined;
    if (!rule) throw badOption(name, `is no option of the simulated camera: ${Object.keys(RULES).join(', ')} are`);
    if (found === undefined || rule.test(found)) continue;
    const shown = name === 'auth' || name === 'tls' ? '' : ` ${JSON.stringify(found)}`;
    throw badOption(name, `is${shown || ' not as it must be'}: ${rule.allowed} is needed`);
  }
}

/**
 * Fills in the defaults, some of which depend on the clip.
 *
 * @throws VigiaError `bad_option`, or a `MannersErrorCode`.
 */
export function resolveOptions(options: SimulatedCameraOptions, clip: Clip): ResolvedOptions {
  const { seed } = options;
  const random32 = options.random32 ?? (seed === undefined ? () => randomInt(2 ** 32) : seededRandom32(seed));
  const clock = options.clock ?? systemClock;
  const path = (options.path ?? '/stream').replace(/\/+$/, '');
  const audio = resolveAudio(options, clip);
  const files = options.mannersFiles ?? [];
  const vendor = files.length > 0 ? new VendorManners(loadRecordings(files), { clip, audio, path, clock }) : undefined;
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    path,
    auth: resolveAuth(options.auth, vendor),
    advertisedCodec: options.advertisedCodec,
    programme: {
      fps: options.fps,
      secondClip: options.secondClip,
      payloadType: vendor?.payloadType ?? VIDEO_PAYLOAD_TYPE,
      otherPayloadType: vendor?.otherPayloadType ?? VIDEO_PAYLOAD_TYPE + 2,
    },
    tls: options.tls,
    transports: options.transports ?? ['tcp', 'udp'],
    quirks: options.quirks ?? [],
    audio,
    stampSendTime: options.stampSendTime ?? true,
    parameterSets: options.parameterSets ?? 'keyframes',
    packetization: { markers: options.markers ?? 'last', sets: options.parameterSetPackets ?? 'own' },
    startAtKeyframe: options.startAtKeyframe ?? 'immediately',
    pacing: resolvePacing(options, clip),
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    sessionTimeoutS: options.sessionTimeoutS ?? vendor?.timeoutS ?? 60,
    maxBacklogBytes: options.maxBacklogBytes ?? 4 * 1024 * 1024,
    maxConnections: options.maxConnections ?? 64,
    clock,
    random32,
    faultRandom32: seededRandom32(seed ?? randomInt(2 ** 32)),
    manners: { ...defaultManners, ...vendor?.manners(), ...options.manners },
    vendor,
  };
}

function resolveAuth(auth: AuthOptions | undefined, vendor: VendorManners | undefined): AuthOptions | undefined {
  const realm = auth?.realm ?? vendor?.realmOf(auth?.scheme === 'basic' ? 'basic' : 'digest');
  return auth && realm !== undefined ? { ...auth, realm } : auth;
}

function resolveAudio({ audio = 'none', pacing }: SimulatedCameraOptions, clip: Clip): AudioSource | undefined {
  if (audio === 'none') return undefined;
  if (pacing === 'lock-step') throw badOption('audio', `is ${audio}, but pacing is lock-step: real-time is needed`);
  return createAudio(audio, clip);
}

function resolvePacing(options: SimulatedCameraOptions, clip: Clip): Pacing {
  if ((options.pacing ?? 'real-time') === 'real-time') return 'real-time';
  const hasBFrames = clip.reorderTicks > 0;
  if (options.lockStepTime === 'elapsed' && hasBFrames) {
    throw badOption(
      'lockStepTime',
      `is elapsed, but ${clip.path} has B-frames: clip is needed, or a clip without B-frames`,
    );
  }
  const time = options.lockStepTime ?? (hasBFrames ? 'clip' : 'elapsed');
  return time === 'elapsed' ? 'lock-step-elapsed' : 'lock-step-clip';
}

function badOption(name: string, rest: string): VigiaError<'bad_option'> {
  return new VigiaError('bad_option', `${name} ${rest}`, { path: name });
}
