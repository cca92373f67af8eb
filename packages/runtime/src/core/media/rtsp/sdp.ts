/** The parts of an `m=` section of a session description (RFC 4566) that a client needs. */
export interface SdpMedia {
  /** `video`, `audio`, `application` … */
  readonly kind: string;
  readonly payloadType: number;
  /** Upper case, e.g. `H264`; empty when the description has no rtpmap for the payload type. */
  readonly encoding: string;
  /** Ticks per second of the RTP time stamps, 1,000..1,000,000; 90,000 when the description has no such number. */
  readonly clockRate: number;
  /** Of audio, 1..255; 1 when not given. */
  readonly channels: number;
  readonly fmtp: ReadonlyMap<string, string>;
  /** The `a=control` value as written. */
  readonly control: string;
}

/** The parts of a session description that a client needs. */
export interface Sdp {
  /** Session-level `a=control`, `*` when absent. */
  readonly control: string;
  readonly media: readonly SdpMedia[];
}

/** Of all video (RFC 6184, RFC 7798, RFC 2435), and of what says no other. */
const VIDEO_CLOCK = 90_000;
/** A time stamp must fit a few times into a second, and a second many times into the 32 bits of time stamps. */
const LEAST_CLOCK = 1_000;
const MOST_CLOCK = 1_000_000;
const MOST_CHANNELS = 255;
const MOST_PAYLOAD_TYPE = 127;

/** Parses a session description. Unknown lines are skipped, because cameras send many. */
export function parseSdp(text: string): Sdp {
  const sections = splitSections(text);
  const session = sections.shift() ?? [];
  return { control: attribute(session, 'control') ?? '*', media: sections.map(parseMedia) };
}

/** The absolute URL of a control attribute (RFC 2326, C.1.1). Base is Content-Base, Content-Location or the request's URL. */
export function resolveControl(base: string, control: string): string {
  if (control === '' || control === '*') return base;
  if (/^rtsps?:\/\//i.test(control)) return control;
  // Not URL resolution: cameras expect plain concatenation, even of `trackID=1` to a base with a query.
  return base.endsWith('/') || control.startsWith('/')
    ? base + control.replace(/^\//, base.endsWith('/') ? '' : '/')
    : `${base}/${control}`;
}

function splitSections(text: string): string[][] {
  const sections: string[][] = [[]];
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line.startsWith('m=')) sections.push([]);
    sections.at(-1)?.push(line);
  }
  return sections;
}

function parseMedia(lines: readonly string[]): SdpMedia {
  const [kind = '', , , payload = ''] = (lines[0] ?? '').slice(2).split(/\s+/);
  const payloadType = wholeNumber(payload, 0, MOST_PAYLOAD_TYPE) ?? 0;
  const rtpmap = attributes(lines, 'rtpmap').find((v) => Number(v.split(/\s+/)[0]) === payloadType);
  const [encoding = '', clock = '', channels = ''] = (rtpmap?.split(/\s+/)[1] ?? '').split('/');
  const fmtp = attributes(lines, 'fmtp').find((v) => Number(v.split(/\s+/)[0]) === payloadType) ?? '';
  return {
    kind,
    payloadType,
    encoding: encoding.toUpperCase(),
    clockRate: wholeNumber(clock, LEAST_CLOCK, MOST_CLOCK) ?? VIDEO_CLOCK,
    channels: wholeNumber(channels, 1, MOST_CHANNELS) ?? 1,
    fmtp: parseFmtp(fmtp),
    control: attribute(lines, 'control') ?? '',
  };
}

/** Digits only: `Infinity`, `0.0000001` and `1e9` are no numbers of a description. */
function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

function parseFmtp(value: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const part of value.replace(/^\d+\s*/, '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) out.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  return out;
}

function attribute(lines: readonly string[], name: string): string | undefined {
  return attributes(lines, name)[0];
}

function attributes(lines: readonly string[], name: string): string[] {
  const prefix = `a=${name}:`;
  return lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length).trim());
}

const START_CODE = Buffer.from([0, 0, 0, 1]);

/**
 * The parameter sets of a description (RFC 6184 8.1, RFC 7798 7.1), as Annex B, because some cameras never send them in
 * the stream. Undefined when there are none.
 */
export function parameterSetsOf(media: SdpMedia): Buffer | undefined {
  const names = ['sprop-vps', 'sprop-sps', 'sprop-pps', 'sprop-parameter-sets'];
  const nals = names
    .flatMap((name) => (media.fmtp.get(name) ?? '').split(','))
    .map((text) => Buffer.from(text, 'base64'))
    .filter((nal) => nal.byteLength > 1);
  return nals.length === 0 ? undefined : Buffer.concat(nals.flatMap((nal) => [START_CODE, nal]));
}
