import type { Markers, ParameterSetPlace, Quirk, SetPackets } from '@vigia/testkit';
import { QUIRKS } from '@vigia/testkit';
import fc from 'fast-check';

/** What changes while a combination plays. */
export interface Change {
  /** After the start of the camera, milliseconds. */
  readonly atMs: number;
  /** The camera breaks its connections then. */
  readonly drop?: boolean | undefined;
  /** Pictures are held back for that long from then on, milliseconds; undefined: not at all. */
  readonly delayMs?: number | undefined;
  /** Pictures and reports are, milliseconds. Implies `drop`. */
  readonly relayMs?: number | undefined;
}

/** One camera of the zoo. A property that is undefined is that of a plain camera. */
export interface Combination {
  readonly codec: 'h264' | 'h265';
  /** Pictures per second. */
  readonly fps: number;
  readonly seconds: number;
  /** Of the camera: identifiers, time stamps, which packets are lost. */
  readonly seed: number;
  readonly gop?: 'open' | 'refresh' | undefined;
  readonly bFrames?: true | undefined;
  readonly slices?: true | undefined;
  readonly sets?: ParameterSetPlace | undefined;
  readonly setPackets?: SetPackets | undefined;
  readonly markers?: Markers | undefined;
  readonly payloadBytes?: number | undefined;
  readonly transport?: 'udp' | undefined;
  /** The camera joins its own round, in place of beginning with PLAY. */
  readonly join?: true | undefined;
  readonly onLoss?: 'conceal' | undefined;
  readonly threads?: number | undefined;
  readonly auth?: 'basic' | 'digest' | 'digest-sha256' | 'wrong' | undefined;
  /** Requests for which a nonce is valid. */
  readonly nonceRequests?: number | undefined;
  readonly sessionTimeoutS?: number | undefined;
  /** Recorded replies of a vendor. */
  readonly manners?: string | undefined;
  readonly quirk?: Quirk | undefined;
  /** Percent. */
  readonly loss?: number | undefined;
  readonly reorder?: number | undefined;
  readonly duplicate?: number | undefined;
  readonly jitterMs?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly noReports?: true | undefined;
  readonly driftPpm?: number | undefined;
  readonly clockStepS?: number | undefined;
  readonly ptsJumpS?: number | undefined;
  readonly noKeyframesS?: number | undefined;
  readonly change?: Change | undefined;
}

/** What a combination always has. */
const ALWAYS: ReadonlySet<string> = new Set(['codec', 'fps', 'seconds', 'seed']);

/** Prefixes of recorded manners, and the codec that their descriptions have. */
const VENDORS: Readonly<Record<string, readonly Combination['codec'][]>> = {
  anjvision: ['h265'],
  anpviz: ['h264'],
  bad_rtptime: ['h264'],
  bunny: ['h264'],
  dahua: ['h264', 'h265'],
  gw_main: ['h264'],
  hikvision: ['h264'],
  longse: ['h264'],
  luckfox: ['h264'],
  missing_content_type: ['h264'],
  reolink: ['h264'],
};

/** Undefined, and once in so many cases one of the values. */
function rarely<T>(oneIn: number, ...values: readonly T[]): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: oneIn - 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}

const CHANGE: fc.Arbitrary<Change> = fc
  .record({
    atMs: fc.constantFrom(1_200, 1_600, 2_000),
    kind: fc.constantFrom('drop', 'delay', 'relay', 'both'),
    heldMs: fc.constantFrom(300, 450, 700, 1_500, 3_000),
  })
  .map(({ atMs, kind, heldMs }) => {
    if (kind === 'drop') return { atMs, drop: true };
    // A relay that holds up less cannot be distinguished from a camera whose clock was set a little.
    if (kind === 'relay') return { atMs, relayMs: Math.max(heldMs, 700) };
    return { atMs, delayMs: heldMs, drop: kind === 'both' ? true : undefined };
  });

/** @param seconds What a combination may last. */
export function combinations(seconds: readonly number[]): fc.Arbitrary<Combination> {
  const record: { readonly [K in keyof Required<Combination>]: fc.Arbitrary<Combination[K]> } = {
    codec: fc.constantFrom('h264' as const, 'h265' as const),
    fps: fc.constantFrom(12.5, 25, 50),
    seconds: fc.constantFrom(...seconds),
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    gop: rarely(3, 'open', 'refresh'),
    bFrames: rarely(4, true),
    slices: rarely(3, true),
    sets: rarely(2, 'pictures', 'description'),
    setPackets: rarely(3, 'marked', 'aggregated'),
    markers: rarely(3, 'slices', 'packets', 'none'),
    payloadBytes: rarely(2, 300, 700),
    transport: rarely(2, 'udp'),
    join: rarely(3, true),
    onLoss: rarely(4, 'conceal'),
    threads: rarely(5, 2),
    auth: fc.oneof(
      { weight: 24, arbitrary: rarely(2, 'basic' as const, 'digest' as const, 'digest-sha256' as const) },
      { weight: 1, arbitrary: fc.constant('wrong' as const) },
    ),
    nonceRequests: rarely(3, 1, 3),
    sessionTimeoutS: rarely(4, 2),
    manners: rarely(3, ...Object.keys(VENDORS)),
    quirk: rarely(4, ...(Object.keys(QUIRKS) as Quirk[])),
    loss: rarely(3, 0.3, 1, 5, 20),
    reorder: rarely(4, 1, 10),
    duplicate: rarely(5, 2, 20),
    jitterMs: rarely(5, 20, 60),
    delayMs: rarely(5, 150, 300, 450, 1_500, 3_000),
    noReports: rarely(5, true),
    driftPpm: rarely(5, -500, -100, 100, 500),
    clockStepS: rarely(6, -3_600, 3_600),
    ptsJumpS: rarely(10, -60, 60),
    noKeyframesS: rarely(12, 1, 3),
    change: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: CHANGE }),
  };
  return fc.record(record).map(normal);
}

/** Without what does not go together, and without what is undefined. */
function normal(raw: Combination): Combination {
  const { codec, gop, manners, auth } = raw;
  const fixed: Combination = {
    ...raw,
    // Open GOPs are made of B-frames; intra refresh has none, and x265 allows it only without slices.
    bFrames: gop === undefined ? raw.bFrames : undefined,
    slices: gop === 'refresh' && codec === 'h265' ? undefined : raw.slices,
    manners: manners !== undefined && VENDORS[manners]?.includes(codec) ? manners : undefined,
    nonceRequests: auth?.startsWith('digest') ? raw.nonceRequests : undefined,
    reorder: raw.transport === 'udp' ? raw.reorder : undefined,
    // Before the first picture nothing is known of the camera's clock: it must come before the relay does.
    delayMs: raw.change?.relayMs === undefined ? raw.delayMs : undefined,
    join: raw.change?.relayMs === undefined ? raw.join : undefined,
  };
  return JSON.parse(JSON.stringify(fixed)) as Combination;
}

/** Names of what makes the combination's camera another than a plain one, with values that are words. */
export function propertiesOf({ change, ...rest }: Combination): string[] {
  const names = Object.entries(rest)
    .filter(([key]) => !ALWAYS.has(key))
    .map(([key, value]) => (typeof value === 'string' && key !== 'manners' ? `${key} ${value}` : key));
  const changes = Object.entries(change ?? {}).flatMap(([key, value]) =>
    key === 'atMs' || value === undefined ? [] : [key],
  );
  return [...names, ...changes.map((key) => `change ${key}`)];
}

/** Whether it has every property of the other one. */
export function includes(combination: Combination, other: Combination): boolean {
  return Object.entries(other).every(
    ([key, value]) =>
      ALWAYS.has(key) || JSON.stringify(combination[key as keyof Combination]) === JSON.stringify(value),
  );
}

/** The combination without one of its properties, each in turn: simpler ones, of which one may still fail. */
export function simpler(combination: Combination): Combination[] {
  const removable = Object.keys(combination).filter((key) => !ALWAYS.has(key));
  return removable.map((key) => normal({ ...combination, [key]: undefined }));
}

/** @throws Error when the text is no JSON object with at least a codec, a rate, a duration and a seed. */
export function parsed(json: string): Combination {
  const value = JSON.parse(json) as Combination;
  const missing = [...ALWAYS].filter((key) => value[key as keyof Combination] === undefined);
  if (missing.length > 0) throw new Error(`the combination lacks ${missing.join(', ')}`);
  return value;
}

/** The faults of its camera at the start, or after the change. */
export function faultsOf(c: Combination, change?: Change): string[] {
  const { loss, reorder, duplicate, jitterMs, driftPpm, clockStepS, ptsJumpS, noKeyframesS } = c;
  const delayMs = change ? change.delayMs : c.delayMs;
  const percent = Object.entries({ loss, reorder, duplicate });
  const rest: [string, number | undefined, string][] = [
    ['jitter', jitterMs, 'ms'],
    ['delay', delayMs, 'ms'],
    ['relay', change?.relayMs, 'ms'],
    ['drift', driftPpm, ''],
    ['clock-step', clockStepS, ''],
    ['pts-jump', ptsJumpS, ''],
    ['no-keyframes', noKeyframesS, 's'],
    ['stale-nonce', c.nonceRequests, ''],
  ];
  const all = [...percent.map(([name, n]) => [name, n, ''] as const), ...rest];
  const texts = all.flatMap(([name, n, unit]) => (n === undefined ? [] : [`${name}:${n}${unit}`]));
  return c.noReports ? [...texts, 'no-reports'] : texts;
}
