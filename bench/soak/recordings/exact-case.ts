import { readFile } from 'node:fs/promises';
import { systemClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import type { Clip } from '@vigia/testkit';
import { quantile } from '../../support/numbers.ts';
import type { Recorded } from './files.ts';
import { type Packet, packetsOf, type RecordedUnit, unitsOf } from './packets.ts';
import type { ClipSpec, RecordedCamera, Sent } from './recorded-camera.ts';

/** One camera of the proof. */
export interface ExactCase {
  readonly id: string;
  readonly clip: ClipSpec & { readonly fps: number };
  readonly audio?: 'aac' | 'pcma' | 'pcmu';
  readonly short?: boolean;
}

/** What was found at one camera. */
export interface ExactVerdict {
  readonly pictures: number;
  readonly missing: number;
  readonly different: number;
  /** Recorded minus true time of each picture, and minus the time that a consumer's result has. Milliseconds. */
  readonly errorsMs: readonly number[];
  readonly resultErrorsMs: readonly number[];
  readonly sounds: string;
  readonly wrong: readonly string[];
}

/** The tone of the simulated camera repeats after so many samples. */
const TONE_PERIOD = 200;
/**
 * Sound that comes after a keyframe, and belongs before it, finds its segment closed. AAC units of 21 ms, once a minute at
 * most.
 */
const BETWEEN_UNITS = 4;
/** Rounding of wall times, and of captured_at to milliseconds. */
const ROUNDING_MS = 2;
/**
 * How far a recording, and a result, may be from the truth: half a frame, so that what is a frame off is seen. At more frames a
 * second this, because on a busy machine everything is late, but no more than a frame. Milliseconds.
 */
const BUSY_MS = 25;

/** Everything about one camera's recording against what it sent. @param untilMs Units sent later do not count. */
export async function judgeExact(
  one: ExactCase,
  camera: RecordedCamera,
  files: readonly Recorded[],
  results: readonly ResultMessage[],
  untilMs: number,
): Promise<ExactVerdict> {
  const codec = one.clip.codec ?? 'h264';
  const wrong: string[] = [];
  const units: RecordedUnit[] = [];
  const apiece: RecordedUnit[][] = [];
  const sounds: Packet[][] = [];
  for (const file of files) {
    const packets = await packetsOf(file);
    const found = unitsOf(file, packets, codec);
    wrong.push(
      ...wrongOrder(found).map((text) => `${file.path}: ${text}`),
      ...(await wrongSets(file, camera.camera.clip)),
    );
    units.push(...found);
    apiece.push(found);
    sounds.push(packets.filter(({ kind }) => kind === 'audio'));
  }
  const { missing, different } = compared(camera, units, untilMs);
  const trueMs = trueTimes(camera, one.clip.fps);
  const errorsMs = errorsOf(units, trueMs);
  const resultErrorsMs = againstResults(camera, units, results);
  const frameMs = 1000 / one.clip.fps;
  const mostMs = Math.min(Math.max(BUSY_MS, frameMs / 2), frameMs + ROUNDING_MS);
  const late = errorsMs.filter((error) => Math.abs(error) > mostMs).length;
  const apart = resultErrorsMs.filter((error) => Math.abs(error) > mostMs).length;
  const moved = apiece.reduce((sum, found) => sum + movedIn(errorsOf(found, trueMs)), 0);
  const sound = judgeSound(one, camera.camera.clip, sounds);
  const failures = [
    ...wrong,
    ...(units.length === 0 ? ['nothing is recorded'] : []),
    ...(missing > 0 ? [`${missing} of its units are missing`] : []),
    ...(different > 0 ? [`${different} of its units are not what it sent, or in another order`] : []),
    ...(late > 0
      ? [`${late} of ${errorsMs.length} pictures are more than ${mostMs.toFixed(0)} ms from their time`]
      : []),
    ...(moved > 0 ? [`${moved} of ${errorsMs.length} pictures are not at their time within their segment`] : []),
    ...(apart > 0
      ? [`${apart} of ${resultErrorsMs.length} pictures are more than ${mostMs.toFixed(0)} ms from captured_at`]
      : []),
    ...(resultErrorsMs.length === 0 ? ['no result belongs to a recorded picture'] : []),
    ...sound.wrong,
  ];
  const wrongAll = failures.map((text) => `${one.id}: ${text}`);
  return { pictures: units.length, missing, different, errorsMs, resultErrorsMs, sounds: sound.text, wrong: wrongAll };
}

/** Recorded minus true time of each picture. Milliseconds. */
function errorsOf(units: readonly RecordedUnit[], trueMs: ReadonlyMap<bigint, number>): number[] {
  return units.flatMap(({ mark, wallMs }) => {
    const at = mark === undefined ? undefined : trueMs.get(mark);
    return at === undefined ? [] : [wallMs - at];
  });
}

/** Pictures of a segment that are further from their time, or less, than most are: it has one clock. */
function movedIn(errorsMs: readonly number[]): number {
  const usual = quantile(errorsMs, 0.5);
  return errorsMs.filter((error) => Math.abs(error - usual) > ROUNDING_MS).length;
}

function wrongOrder(units: readonly RecordedUnit[]): string[] {
  const back = units.filter((unit, i) => unit.decoded <= (units[i - 1]?.decoded ?? Number.NEGATIVE_INFINITY)).length;
  const early = units.filter(({ shown, decoded }) => shown < decoded).length;
  return [
    ...(back > 0 ? [`${back} pictures are decoded no later than the one before`] : []),
    ...(early > 0 ? [`${early} pictures are shown before they are decoded`] : []),
  ];
}

/** The parameter sets are in the description of the track. */
async function wrongSets(file: Recorded, { parameterSets }: Clip): Promise<string[]> {
  const begin = (await readFile(file.path)).subarray(0, file.segment.initBytes);
  const absent = parameterSets.filter((set) => !begin.includes(set)).length;
  return absent > 0 ? [`${file.path}: ${absent} parameter sets are not in its description`] : [];
}

/** Unit by unit, NAL unit by NAL unit, in the order of sending. */
function compared(
  camera: RecordedCamera,
  units: readonly RecordedUnit[],
  untilMs: number,
): { missing: number; different: number } {
  const recorded = new Map(units.map((unit) => [unit.mark, unit]));
  const first = camera.sent.findIndex(({ mark }) => recorded.has(mark));
  const due = camera.sent.slice(Math.max(0, first)).filter(({ atMs }) => atMs < untilMs);
  const missing = due.filter(({ mark }) => !recorded.has(mark)).length;
  const wanted = new Map(camera.sent.map((unit, i) => [unit.mark, { unit, i }]));
  let [last, different] = [-1, 0];
  for (const { mark, nals } of units) {
    const sent = mark === undefined ? undefined : wanted.get(mark);
    const own = sent && camera.camera.clip.units[sent.unit.index]?.nals;
    const isEqual = own?.length === nals.length && own.every((nal, i) => nal.equals(nals[i] as Buffer));
    if (!sent || sent.i <= last || !isEqual) different += 1;
    last = sent?.i ?? last;
  }
  return { missing, different };
}

/** When each picture was captured, wall milliseconds: by its time stamp, on the clock of the fastest one. */
function trueTimes({ sent, camera }: RecordedCamera, fps: number): Map<bigint, number> {
  const { units, reorderTicks, fps: own } = camera.clip;
  const origin = sent[0]?.rtpTime ?? 0;
  const stamped = sent.map((unit) => {
    const { ptsTicks = 0, dtsTicks = 0 } = units[unit.index] ?? {};
    // A picture is sent when those that it needs were captured.
    const capturedMs = unit.atMs - ((reorderTicks - (ptsTicks - dtsTicks)) * (own / fps)) / 90;
    return { mark: unit.mark, stampMs: ((unit.rtpTime - origin) | 0) / 90, capturedMs };
  });
  // A busy machine sends late, and never early.
  const offsetMs = stamped.reduce((least, { capturedMs, stampMs }) => Math.min(least, capturedMs - stampMs), Infinity);
  const wallMs = systemClock.wallMs() - systemClock.nowMs();
  return new Map(stamped.map(({ mark, stampMs }) => [mark, stampMs + offsetMs + wallMs]));
}

function againstResults(
  { sent }: RecordedCamera,
  units: readonly RecordedUnit[],
  results: readonly ResultMessage[],
): number[] {
  const byStamp = new Map<number, Sent>(sent.map((unit) => [unit.rtpTime, unit]));
  const recorded = new Map(units.map((unit) => [unit.mark, unit]));
  return results.flatMap(({ status, captured_at: at, data }) => {
    const pts = (data as { pts_us?: number } | undefined)?.pts_us;
    if (status !== 'ok' || pts === undefined) return [];
    const unit = recorded.get(byStamp.get(Math.round((pts * 9) / 100) >>> 0)?.mark);
    return unit ? [unit.wallMs - Date.parse(at)] : [];
  });
}

function judgeSound(
  { audio }: ExactCase,
  clip: Clip,
  segments: readonly (readonly Packet[])[],
): { text: string; wrong: string[] } {
  if (!audio)
    return { text: '–', wrong: segments.flat().length > 0 ? ['it has sound that the camera does not send'] : [] };
  const packets = segments.flat();
  if (packets.length === 0) return { text: 'none', wrong: ['it has no sound'] };
  return audio === 'aac' ? judgeAac(clip, segments) : judgeTone(segments);
}

/** Access units follow each other as in the clip, around and around; between two segments some may be missing. */
function judgeAac(clip: Clip, segments: readonly (readonly Packet[])[]): { text: string; wrong: string[] } {
  const own = clip.audio?.units ?? [];
  let [breaks, between, at] = [0, 0, -1];
  for (const packets of segments)
    for (const [i, { data }] of packets.entries()) {
      const most = i === 0 && at >= 0 ? BETWEEN_UNITS : 0;
      const steps = at < 0 ? 0 : stepsTo(own, at, data);
      if (steps > most) breaks += 1;
      else between += steps;
      at = at >= 0 && steps <= most ? (at + 1 + steps) % own.length : own.findIndex((unit) => unit.equals(data));
    }
  const wrong = breaks > 0 ? [`its sound has ${breaks} units that do not follow the one before`] : [];
  const lost = between > 0 ? `, ${between} lost between segments` : '';
  return { text: `${segments.flat().length} units${lost}`, wrong };
}

/** How many units lie between a unit of the clip and the next one with this content; infinite: it has none near. */
function stepsTo(own: readonly Buffer[], at: number, data: Buffer): number {
  for (let steps = 0; steps <= BETWEEN_UNITS; steps += 1)
    if (own[(at + 1 + steps) % own.length]?.equals(data)) return steps;
  return Number.POSITIVE_INFINITY;
}

/** A tone repeats exactly; a lost packet breaks that, for it is no whole number of periods. */
function judgeTone(segments: readonly (readonly Packet[])[]): { text: string; wrong: string[] } {
  let [samples, breaks] = [0, 0];
  for (const packets of segments) {
    const sound = Buffer.concat(packets.map(({ data }) => data));
    samples += sound.byteLength;
    for (let i = TONE_PERIOD; i < sound.byteLength; i += 1) if (sound[i] !== sound[i - TONE_PERIOD]) breaks += 1;
    if (new Set(sound.subarray(0, TONE_PERIOD)).size < 2) breaks += 1;
  }
  const wrong = breaks > 0 ? [`its sound has ${breaks} samples that are not those of the tone`] : [];
  return { text: `${samples} samples`, wrong };
}
