/** Names of all faults. */
export type FaultName =
  | 'refuse'
  | 'unauthorized'
  | 'not-found'
  | 'redirect'
  | 'silent'
  | 'freeze'
  | 'teardown-silently'
  | 'end'
  | 'flap'
  | 'reboot'
  | 'stale-session'
  | 'stale-nonce'
  | 'cut-packet'
  | 'garbage'
  | 'garbage-framing'
  | 'loss'
  | 'reorder'
  | 'duplicate'
  | 'slow'
  | 'jitter'
  | 'delay'
  | 'relay'
  | 'no-keyframes'
  | 'resolution'
  | 'codec-change'
  | 'pts-jump'
  | 'drift'
  | 'clock-step'
  | 'no-reports';

/** Kind of a fault's argument. Durations are given as `200ms`, `5s` or `2m`, or as a number in the named unit. */
export type FaultUnit = 'ms' | 's' | 'percent' | 'share' | 'kbit/s' | 'ppm' | 'units' | 'requests' | 'file' | 'url';

/** The argument of a fault, after a colon. */
export interface FaultArgument {
  readonly unit: FaultUnit;
  /** For numbers, in `unit`. */
  readonly min?: number;
  readonly max?: number;
  /** In `unit`; undefined: the argument is required, or `fallback` describes the default. */
  readonly default?: number;
  /** The default of a non-numeric argument, in words. */
  readonly fallback?: string;
}

/** One kind of misbehaviour. */
export interface FaultKind {
  readonly name: FaultName;
  /** One line: what a client sees. */
  readonly help: string;
  readonly argument?: FaultArgument;
}

const percent: FaultArgument = { unit: 'percent', min: 0, max: 100, default: 5 };
const after: FaultArgument = { unit: 's', min: 0, max: 86_400, default: 0 };

/** All faults, in the order in which a connection meets them. */
export const FAULTS: readonly FaultKind[] = [
  { name: 'refuse', help: 'the port is closed until the fault ends, connections are dropped' },
  {
    name: 'reboot',
    help: 'all connections are dropped and the port is closed for that long, then the camera is back',
    argument: { unit: 's', min: 0.001, max: 86_400, default: 60 },
  },
  {
    name: 'flap',
    help: 'every connection is dropped that long after it was opened',
    argument: { unit: 'ms', min: 1, max: 86_400_000, default: 200 },
  },
  { name: 'silent', help: 'connections are accepted, requests are never answered' },
  { name: 'unauthorized', help: '401 to every request, with any password' },
  {
    name: 'stale-nonce',
    help: 'a Digest nonce is valid for that many requests, then 401 with stale=true and a new one',
    argument: { unit: 'requests', min: 1, max: 1_000_000, default: 1 },
  },
  { name: 'not-found', help: '404 to every request for a stream' },
  {
    name: 'redirect',
    help: 'DESCRIBE and SETUP are answered 302 with that Location',
    argument: { unit: 'url', fallback: 'its own URL' },
  },
  {
    name: 'stale-session',
    help: 'after a connection broke without TEARDOWN, SETUP is answered 453 for that long',
    argument: { unit: 's', min: 0.001, max: 86_400, default: 30 },
  },
  {
    name: 'freeze',
    help: 'that long after the first frame everything stops: the socket stays open, nothing is read or sent',
    argument: after,
  },
  {
    name: 'teardown-silently',
    help: 'that long after the first frame media stops; RTSP is still answered',
    argument: after,
  },
  {
    name: 'end',
    help: 'that long after the first frame the stream ends: RTCP BYE, then the connection is closed',
    argument: after,
  },
  {
    name: 'cut-packet',
    help: 'after that many frames the connection breaks in the middle of an interleaved packet',
    argument: { unit: 'units', min: 0, max: 1_000_000, default: 10 },
  },
  {
    name: 'garbage',
    help: 'random bytes overwrite a part of the payload in that fraction of RTP packets',
    argument: { unit: 'share', min: 0, max: 1, default: 0.05 },
  },
  {
    name: 'garbage-framing',
    help: 'random bytes between interleaved packets, before that fraction of them (TCP)',
    argument: { unit: 'share', min: 0, max: 1, default: 0.05 },
  },
  { name: 'loss', help: 'that percentage of RTP packets is not sent', argument: percent },
  { name: 'reorder', help: 'that percentage of RTP packets is swapped with the next one (UDP)', argument: percent },
  { name: 'duplicate', help: 'that percentage of RTP packets is sent twice', argument: percent },
  {
    name: 'slow',
    help: 'sends at most at that rate; the backlog grows until whole frames are dropped',
    argument: { unit: 'kbit/s', min: 1, max: 1_000_000, default: 256 },
  },
  {
    name: 'jitter',
    help: 'each frame is delayed by a random time up to that long, in order',
    argument: { unit: 'ms', min: 0, max: 60_000, default: 50 },
  },
  {
    name: 'delay',
    help: 'pictures are held back for that long inside the camera; its reports are not',
    argument: { unit: 'ms', min: 0, max: 60_000, default: 1_000 },
  },
  {
    name: 'relay',
    help: 'media and reports are held back for that long, as by a relay; RTSP is not',
    argument: { unit: 'ms', min: 0, max: 60_000, default: 1_000 },
  },
  {
    name: 'no-keyframes',
    help: 'no keyframes and no parameter sets for that long, from the fault’s beginning and from each PLAY',
    argument: { unit: 's', min: 0, max: 86_400, default: 10 },
  },
  {
    name: 'resolution',
    help: 'from the next keyframe on a second clip is played, with another SPS',
    argument: { unit: 'file', fallback: 'option secondClip' },
  },
  {
    name: 'codec-change',
    help: 'from the next keyframe on a second clip of the other codec, with another payload type',
    argument: { unit: 'file', fallback: 'option secondClip' },
  },
  {
    name: 'pts-jump',
    help: 'RTP time jumps by that much, once per session, not before its tenth frame',
    argument: { unit: 's', min: -40_000, max: 40_000, default: 60 },
  },
  {
    name: 'drift',
    help: 'the RTP clock runs fast (or slow, if negative) by that much',
    argument: { unit: 'ppm', min: -500_000, max: 500_000, default: 500 },
  },
  {
    name: 'clock-step',
    help: 'the wall clock in sender reports is off by that much',
    argument: { unit: 's', min: -1e9, max: 1e9, default: 3600 },
  },
  { name: 'no-reports', help: 'no RTCP is sent' },
];
