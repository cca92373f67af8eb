import type { CameraReport, ConsumerReport, RecentAnswers } from '@vigia/contracts';
import type { Palette } from '#core/terminal';

const GOOD: ReadonlySet<string> = new Set(['live', 'running', 'ready']);
const BAD: ReadonlySet<string> = new Set(['unavailable', 'failing', 'stalled', 'breaching', 'failed', 'restarting']);

/** The colour of a state: of a camera, a consumer or a model. */
export function colourOf(state: string, { green, yellow, red }: Palette): string {
  if (GOOD.has(state)) return green;
  return BAD.has(state) ? red : yellow;
}

/** The state of a consumer as a view shows it: one that runs without pictures does not look at anything. */
export function consumerState({ state: camera }: CameraReport, { state }: ConsumerReport): string {
  return camera !== 'live' && state === 'running' ? 'no picture' : state;
}

/** `h264 1920×1080`, with its transport and decoding if they are unusual. */
export function streamText({ stream }: CameraReport): string {
  if (!stream || stream.codec === '') return '';
  const size = stream.width > 0 ? ` ${stream.width}×${stream.height}` : '';
  const unusual = [
    stream.transport === 'udp' ? 'udp' : '',
    stream.decode === 'keyframes' ? 'keyframes' : '',
    ['', 'software'].includes(stream.decoder) ? '' : stream.decoder,
  ].filter((word) => word !== '');
  return [`${stream.codec}${size}`, ...unusual].join(' ');
}

/** A rate per second; a dash when it is unknown. */
export function rateText(rate: number | undefined): string {
  return rate === undefined ? '–' : rate.toFixed(1);
}

/** A duration; a dash without one. */
export function durationText(ms: number | null | undefined): string {
  return !ms ? '–' : `${ms.toFixed(0)} ms`;
}

/** Two ages of one consumer, `≥ 15 ms` where they are only the least possible ones. */
export function agesText(recent: RecentAnswers | undefined): readonly [p50: string, p99: string] {
  const least = recent?.age_certain === false && recent.age_p50_ms !== null ? '≥' : '';
  return [`${least}${durationText(recent?.age_p50_ms)}`, `${least}${durationText(recent?.age_p99_ms)}`];
}

/** The counts that are not zero, such as `7 gated, 1 overwritten`. */
export function nonZero(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${n} ${name}`)
    .join(', ');
}
