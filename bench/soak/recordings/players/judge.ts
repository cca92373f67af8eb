import type { Played, ShownPicture, Sought } from './browser.ts';
import { type Footage, longestGroup, shown } from './footage.ts';
import type { Decoded } from './gstreamer.ts';
import { type Part, wrongParts } from './playlist.ts';

/** What was found when a player played everything that is recorded of a camera. */
export interface PlayerVerdict {
  readonly recorded: number;
  readonly decoded: number;
  readonly sound: string;
  readonly wrong: readonly string[];
}

/** The end of a video may be so far from where it says. Seconds. */
const END_S = 0.1;
/** Of coded sound, by which a player may miss: encoders put some before its beginning. */
const SOUND_SHARE = 0.97;
/** Samples of an AAC unit. */
const AAC_SAMPLES = 1024;
/** A browser on a busy machine shows fewer pictures than it decodes; with this share it did show the video. */
const SHOWN_SHARE = 0.2;
/** One of so many last pictures must be shown: a second of them. */
const LAST = 15;
/** The B-frames in a row of the cameras: pictures that are decoded after one that is shown later. */
const REORDERED = 2;
/** Decimals of the browser's times. Milliseconds. */
const ROUNDING_MS = 3;
/**
 * hls.js puts the time at which the first picture is decoded at 0. With B-frames the picture is shown later, and hls.js goes to it
 * with this message.
 */
const HOLE_AT_START = /^mediaError bufferSeekOverHole .* seeking from 0(?:\.0*)? to 0\.[0-4]\d*$/;

/** With sound, hls.js may have to go over a hole at a gap: see `mayLack`. */
const HOLE_AT_GAP = /^mediaError (bufferStalledError$|bufferSeekOverHole )/;

/** Every recorded picture, once, in order, and the sound. */
export function judgeGStreamer(footage: Footage, decoded: Decoded): PlayerVerdict {
  const wanted = shown(footage.pictures).map(({ number }) => number);
  const different = wanted.findIndex((number, i) => decoded.numbers[i] !== number);
  const back = decoded.times_ms.filter((time, i) => time <= (decoded.times_ms[i - 1] ?? -1)).length;
  const samples = footage.audioPackets * AAC_SAMPLES;
  const wrong = [
    ...(decoded.end === 'end' ? [] : [`it ended with: ${decoded.end}`]),
    ...(decoded.numbers.length === wanted.length
      ? []
      : [`${decoded.numbers.length} of ${wanted.length} pictures were decoded`]),
    ...(different < 0 ? [] : [`picture ${different} is another one`]),
    ...(back === 0 ? [] : [`${back} pictures are no later than the one before`]),
    ...(decoded.audio_samples >= samples * SOUND_SHARE
      ? []
      : [`${decoded.audio_samples} of ${samples} samples of sound were decoded`]),
  ];
  const sound = samples === 0 ? '–' : `${decoded.audio_samples} of ${samples} samples`;
  return { recorded: wanted.length, decoded: decoded.numbers.length, sound, wrong };
}

/** The same for a browser, which shows pictures in real time and may leave some out. */
export function judgeBrowser(footage: Footage, parts: readonly Part[], played: Played): PlayerVerdict {
  const wanted = shown(footage.pictures).map(({ number }) => number);
  const { decoded, audioBytes, endedAt, duration, buffered, pictures } = played;
  const strange = wrongOrder(wanted, pictures);
  const wrong = [
    ...(played.wrong === '' ? [] : [`${played.wrong} (${standing(played)})`]),
    ...strangeErrors(footage, played.errors),
    ...wrongParts(parts, footage),
    ...wrongFragments(parts, played),
    ...(Math.abs(duration - endedAt) <= END_S ? [] : [`it ended at ${endedAt} of ${duration} s`]),
    ...(buffered.length <= 1 + holes(footage) ? [] : [`${buffered.length} separate stretches were buffered`]),
    ...(decoded >= wanted.length - mayLack(footage) ? [] : [`${decoded} of ${wanted.length} pictures were decoded`]),
    ...(pictures.length >= wanted.length * SHOWN_SHARE ? [] : [`only ${pictures.length} pictures were shown`]),
    ...(strange < 0 ? [] : [`picture ${strange} that was shown is not the recorded one, or out of order`]),
    ...(wanted.slice(-LAST).includes(pictures.at(-1)?.number ?? -1) ? [] : ['the end was not shown']),
    ...(audioBytes >= footage.audioBytes * SOUND_SHARE
      ? []
      : [`${audioBytes} of ${footage.audioBytes} bytes of sound were decoded`]),
  ];
  const sound = footage.audioBytes === 0 ? '–' : `${audioBytes} of ${footage.audioBytes} bytes`;
  return { recorded: wanted.length, decoded, sound, wrong };
}

/** Where a player stands that did not reach the end. */
function standing({ endedAt, duration, buffered, state, fragments }: Played): string {
  const text = buffered.map(([from, to]) => `${from.toFixed(3)} to ${to.toFixed(3)} s`).join(', ');
  const parts = fragments.map(({ start, cc }) => `${start.toFixed(3)}/${cc}`).join(' ');
  return `at ${endedAt} of ${duration} s, buffered ${text}, parts ${parts}, ${JSON.stringify(state)}`;
}

/**
 * Pictures that a browser may leave out. At some gaps, with sound, Chromium drops pictures up to the second keyframe: a group, and those
 * whose times overlap what is dropped. hls.js puts what is
 * behind a gap right behind what is before it. Where pictures then fit and sound does not, Media Source Extensions (coded frame processing) take the
 * sound for a new beginning, and all tracks of the buffer wait for a keyframe: that is the likely cause.
 */
function mayLack({ audioPackets, pictures, gaps }: Footage): number {
  return audioPackets > 0 ? gaps.length * (longestGroup(pictures) + REORDERED) : 0;
}

/** Gaps at which there may be a hole in what is buffered. */
function holes({ audioPackets, gaps }: Footage): number {
  return audioPackets > 0 ? gaps.length : 0;
}

function strangeErrors(footage: Footage, errors: Played['errors']): string[] {
  const known = holes(footage) > 0 ? [HOLE_AT_START, HOLE_AT_GAP] : [HOLE_AT_START];
  return errors.filter(({ fatal, what }) => fatal || !known.some((one) => one.test(what))).map(({ what }) => what);
}

/** Where hls.js understands parts in another way than the playlist has them. */
function wrongFragments(parts: readonly Part[], { fragments }: Played): string[] {
  let jumps = 0;
  const other = parts.filter(({ dateMs, isJump }, i) => {
    jumps += isJump ? 1 : 0;
    return fragments[i]?.dateMs !== dateMs || fragments[i].cc !== jumps;
  }).length;
  return fragments.length === parts.length && other === 0 ? [] : ['hls.js has other parts than the playlist'];
}

/** The index of the first picture that does not follow the ones before; -1: all of them do. */
function wrongOrder(wanted: readonly number[], pictures: readonly ShownPicture[]): number {
  let at = 0;
  return pictures.findIndex(({ number }) => {
    while (at < wanted.length && wanted[at] !== number) at += 1;
    return at === wanted.length;
  });
}

/** By how much the date of each picture that was sought is wrong, and what else is. */
export interface SeekVerdict {
  readonly errorsMs: readonly number[];
  readonly wrong: readonly string[];
}

/**
 * The picture that is shown after going to a time is the one of that time, and its date is that of its capture.
 *
 * @param reorderMs Between decoding and showing: see `HOLE_AT_START`.
 */
export function judgeSeeks(
  footage: Footage,
  { fragments }: Played,
  soughts: readonly (Sought & { readonly wanted: number })[],
  reorderMs: number,
): SeekVerdict {
  const { frameMs, pictures } = footage;
  const verdicts = soughts.map(({ wrong, wanted, picture, errors }) => {
    const part = fragments.findLast(({ start }) => start <= picture.mediaTime + ROUNDING_MS / 1000) ?? fragments[0];
    const dateMs = (part?.dateMs ?? 0) + (picture.mediaTime - (part?.start ?? 0)) * 1000;
    const same = pictures.filter(({ number }) => number === picture.number);
    const errorMs = same.reduce((least, { wallMs }) => Math.min(least, Math.abs(wallMs - dateMs)), Infinity);
    const lateMs = (wanted - picture.mediaTime) * 1000;
    const nearMs = frameMs + reorderMs + ROUNDING_MS;
    // No picture may be there where a part begins behind a gap.
    const isEdge = fragments.some(({ start }) => Math.abs(start - wanted) * 1000 <= nearMs);
    return {
      errorMs,
      wrong: [
        ...(wrong === '' ? [] : [wrong]),
        ...strangeErrors(footage, errors),
        ...(errorMs <= nearMs ? [] : [`${errorMs.toFixed(0)} ms from its date`]),
        ...(lateMs >= (isEdge ? -nearMs : -ROUNDING_MS) && lateMs <= frameMs + ROUNDING_MS
          ? []
          : [`${lateMs.toFixed(0)} ms from its time`]),
      ].map((text) => `going to ${wanted.toFixed(3)} s: ${text}`),
    };
  });
  return { errorsMs: verdicts.map(({ errorMs }) => errorMs), wrong: verdicts.flatMap(({ wrong }) => wrong) };
}
