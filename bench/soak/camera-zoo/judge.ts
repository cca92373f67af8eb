import { staleAfterMs } from '@vigia/frame-supplier';
import type { Exhibit } from './clips.ts';
import type { Combination } from './combination.ts';
import type { Evidence, Shown } from './visit.ts';

/** Something that must not be. */
export interface Wrong {
  /** `age` and `state` may come of a busy machine: they count when they come again. */
  readonly kind: 'pixels' | 'conservation' | 'age' | 'state';
  readonly sentence: string;
}

/** A reported age may be less than the true one by so much, and more by an interval and so much. Milliseconds. */
const TOO_YOUNG_MS = 20;
const TOO_OLD_MS = 50;
/** To connect, with a login, on a busy machine. Milliseconds. */
const CONNECT_MS = 1_500;
/** Until a stream without pictures is `stalled`: 2 s, then two checks every 0.5 s; and a busy machine. Milliseconds. */
const BLIND_MS = 3_600;
/** Pictures that decoders and receivers hold back beyond their order. */
const HELD_PICTURES = 4;
/** Reports show delays inexactly: pictures held up by nearly the limit may be said to be beyond it. Milliseconds. */
const NEARLY_MS = 100;

/** What is wrong with what was seen. */
export function judge(combination: Combination, exhibit: Exhibit, evidence: Evidence): Wrong[] {
  return [
    ...wrongPictures(evidence).map((sentence) => ({ kind: 'pixels', sentence }) as const),
    ...evidence.unconserved.map((sentence) => ({ kind: 'conservation', sentence }) as const),
    ...wrongCounts(evidence).map((sentence) => ({ kind: 'conservation', sentence }) as const),
    ...wrongAges(combination, evidence).map((sentence) => ({ kind: 'age', sentence }) as const),
    ...wrongStates(combination, exhibit, evidence).map((sentence) => ({ kind: 'state', sentence }) as const),
  ];
}

function wrongPictures({ shown }: Evidence): string[] {
  const strange = shown.filter(({ index }) => index === undefined);
  const damaged = shown.filter(({ index, concealed, isEqual }) => index !== undefined && !concealed && !isEqual);
  return [
    ...(strange.length > 0 ? [`${strange.length} pictures have a time that the camera never sent`] : []),
    ...(damaged.length > 0 ? [`${damaged.length} of ${shown.length} pictures are ${damagedText(damaged)}`] : []),
  ];
}

function damagedText(damaged: readonly Shown[]): string {
  const [first] = damaged;
  const at = `the first after ${first?.atMs.toFixed(0)} ms, unit ${first?.index} of the clip`;
  return `not what the camera encoded, and not counted as concealed (${at})`;
}

function wrongCounts({ shown, counters }: Evidence): string[] {
  if (counters.published === shown.length) return [];
  return [`${counters.published} pictures are counted as published, ${shown.length} came`];
}

/** Random delays shorten what the fastest way takes: nobody can know them better than the least of them. */
function wrongAges({ fps, jitterMs = 0 }: Combination, { shown }: Evidence): string[] {
  const young = shown.filter(({ errorMs, hiddenMs }) => errorMs + hiddenMs < -TOO_YOUNG_MS - jitterMs);
  const mostMs = 1000 / fps + TOO_OLD_MS;
  const old = shown.filter((one) => one.hiddenMs === 0 && one.errorMs - one.cameraLagMs > mostMs);
  return [
    ...(young.length > 0 ? [`${young.length} of ${shown.length} pictures ${ageText('older', young)}`] : []),
    ...(old.length > 0 ? [`${old.length} of ${shown.length} pictures ${ageText('younger', old)}`] : []),
  ];
}

function ageText(how: 'older' | 'younger', shown: readonly Shown[]): string {
  const worst = shown.reduce((a, b) => (Math.abs(b.errorMs) > Math.abs(a.errorMs) ? b : a));
  const said = `said ${worst.reportedAgeMs.toFixed(0)} ms, up to ${worst.hiddenMs.toFixed(0)} more`;
  return `are ${how} than they may be: the worst ${said}, and was ${(worst.reportedAgeMs - worst.errorMs).toFixed(0)} ms old`;
}

function wrongStates(c: Combination, exhibit: Exhibit, evidence: Evidence): string[] {
  return [
    ...untrueReasons(c, exhibit, evidence),
    ...neverLive(c, exhibit, evidence),
    ...blindAtEnd(c, exhibit, evidence),
  ];
}

/** The reason of a camera whose pictures are too old. */
const TOO_LATE = /old when they come/;

/** Reasons, by the words of their sentences, and whether they can be true. */
const REASONS: readonly (readonly [words: RegExp, canBe: (c: Combination, exhibit: Exhibit) => boolean])[] = [
  [TOO_LATE, (c, exhibit) => longestHeldMs(c) + decoderHoldsMs(c, exhibit) >= staleAfterMs(1000 / c.fps) - NEARLY_MS],
  [/no keyframe came/, (c) => isLossy(c) || c.noKeyframesS !== undefined],
  // A keyframe that has just come is not shown yet: until it is, nothing whole has come.
  [/nothing whole comes|none of what comes/, (c) => isLossy(c) || c.gop === 'refresh' || c.noKeyframesS !== undefined],
  [/no video for/, (c) => longestHeldMs(c) >= 1_400],
];

function untrueReasons(c: Combination, exhibit: Exhibit, { states }: Evidence): string[] {
  return states.flatMap(({ atMs, state }) => {
    if (state.state !== 'stalled' && state.state !== 'waiting') return [];
    const { reason, message } = state;
    if (reason === 'unauthorized' && c.auth === 'wrong') return [];
    if (reason === 'ended' && (c.change?.drop || c.change?.relayMs !== undefined)) return [];
    if (REASONS.some(([words, canBe]) => reason === 'stalled' && words.test(message) && canBe(c, exhibit))) return [];
    return [`after ${atMs.toFixed(0)} ms it is ${state.state} (${reason}: ${message}), which is not so`];
  });
}

function isLossy({ loss }: Combination): boolean {
  return loss !== undefined;
}

function longestHeldMs({ delayMs = 0, jitterMs = 0, change }: Combination): number {
  return Math.max(delayMs, change?.delayMs ?? 0, change?.relayMs ?? 0) + jitterMs;
}

/** How long a picture may wait here: for those that are decoded before it and shown after it, and for its marker. */
function decoderHoldsMs({ fps }: Combination, { clip }: Exhibit): number {
  return ((Math.ceil((clip.reorderTicks * clip.fps) / 90_000) + HELD_PICTURES) * 1000) / fps;
}

/** Within two groups of pictures after the connection. */
function liveLimitMs({ fps, delayMs = 0, jitterMs = 0, noKeyframesS = 0 }: Combination, exhibit: Exhibit): number {
  const { gop, settles, clip } = exhibit;
  const reordered = Math.ceil((clip.reorderTicks * clip.fps) / 90_000);
  const pictures = 2 * gop + settles + reordered + HELD_PICTURES;
  return CONNECT_MS + (pictures * 1000) / fps + delayMs + jitterMs + noKeyframesS * 1000;
}

function neverLive(c: Combination, exhibit: Exhibit, { states, endMs }: Evidence): string[] {
  const limitMs = liveLimitMs(c, exhibit);
  const known = isLossy(c) || c.auth === 'wrong' || endMs < limitMs || (c.change?.atMs ?? limitMs) < limitMs;
  const live = states.find(({ state }) => state.state === 'live');
  if (known || (live && live.atMs <= limitMs) || isCalledLate(states, limitMs)) return [];
  const when = live ? `live only after ${live.atMs.toFixed(0)} ms` : 'never live';
  return [`it is ${when}, and two groups of pictures after connecting were over after ${limitMs.toFixed(0)} ms`];
}

/** Whether it was said in time that no picture is used because all are too old. That this can be so is judged elsewhere. */
function isCalledLate(states: Evidence['states'], limitMs: number): boolean {
  return states.some(({ atMs, state }) => atMs <= limitMs && 'message' in state && TOO_LATE.test(state.message ?? ''));
}

/** `live` or `connecting` for long, without a picture that can be used. */
function blindAtEnd(c: Combination, exhibit: Exhibit, { states, shown, endMs }: Evidence): string[] {
  const last = states.at(-1);
  if (last?.state.state !== 'live' && last?.state.state !== 'connecting') return [];
  const usable = shown.findLast(({ reportedAgeMs }) => reportedAgeMs < staleAfterMs(1000 / c.fps));
  const blindMs = endMs - Math.max(last.atMs, usable?.atMs ?? 0);
  // What is held up comes after the connection; a camera that is joined may begin with its next group, and need another.
  const firstMs = BLIND_MS + Math.max(longestHeldMs(c), liveLimitMs(c, exhibit) - CONNECT_MS);
  const patienceMs = last.state.state === 'connecting' ? firstMs : BLIND_MS;
  if (blindMs <= patienceMs) return [];
  return [`it is ${last.state.state} at the end, without a picture that can be used for ${blindMs.toFixed(0)} ms`];
}

/** What is wrong with a plain camera that nothing disturbs. @param lateShare Of its pictures, that may be missing. */
export function judgePlain(evidence: Evidence, lateShare: number): string[] {
  const { shown, counters, unitsSent, states } = evidence;
  const { captured, late, undecodable, published, reconnects } = counters;
  const allowed = Math.ceil(unitsSent * lateShare) + 5;
  const names = states.map(({ state }) => state.state).join(', ');
  return [
    ...wrongPictures(evidence),
    ...evidence.unconserved,
    ...(unitsSent - captured > 5 ? [`it sent ${unitsSent} pictures, and ${captured} came`] : []),
    ...(undecodable > 0 ? [`${undecodable} of its pictures could not be decoded`] : []),
    ...(unitsSent - published > allowed ? [`of ${unitsSent} pictures ${late} were late: ${allowed} may be`] : []),
    ...(reconnects > 0 || names !== 'connecting, live' ? [`it was ${names}, and reconnected ${reconnects} times`] : []),
    ...(shown.some(({ concealed }) => concealed) ? ['pictures of it were concealed'] : []),
  ].map((sentence) => `the plain camera: ${sentence}`);
}
