import { type AudioSource, type Clip, toAnnexB, type VideoCodec } from '#simulated-camera/media';
import { ENCODING_NAMES, parametersOf, type Presentation, pathOf, type TrackDescription } from '#simulated-camera/rtsp';

/** One `m=` section of a session description. */
interface Section {
  /** The text after `m=`. */
  readonly media: string;
  readonly payloadType: number;
  /** `H264/90000`, if stated. */
  readonly map: string | undefined;
  readonly control: string | undefined;
  readonly lines: readonly string[];
}

/** A parsed session description of a vendor. */
export class VendorSdp {
  readonly #session: readonly string[];
  readonly #sections: readonly Section[];
  readonly #newline: string;

  constructor(sdp: string) {
    this.#newline = sdp.includes('\r\n') ? '\r\n' : '\n';
    const lines = sdp.trimEnd().split(/\r?\n/);
    const begins = lines.flatMap((line, i) => (line.startsWith('m=') ? [i] : []));
    this.#session = lines.slice(0, begins[0] ?? lines.length);
    this.#sections = begins.map((begin, i) => section(lines.slice(begin, begins[i + 1] ?? lines.length)));
  }

  /** Codec of the video; `none` without such a track, undefined if not stated. */
  get codec(): VideoCodec | 'none' | 'other' | undefined {
    const video = this.#video;
    if (!video) return 'none';
    const name = video.map?.split('/')[0]?.toUpperCase();
    if (name === undefined) return undefined;
    return name === 'H264' ? 'h264' : name === 'H265' || name === 'HEVC' ? 'h265' : 'other';
  }

  /** Payload type of the video. */
  get payloadType(): number {
    return this.#video?.payloadType ?? 96;
  }

  /** A dynamic payload type that the description does not use. */
  get freePayloadType(): number {
    const used = new Set(this.#sections.map(({ payloadType }) => payloadType));
    return [98, 99, 100, 101, 102, 103, 104, 105, 106].find((type) => !used.has(type)) ?? 127;
  }

  /** Encoding of the sound (`PCMA/8000`) and its payload type; undefined without such a track. */
  get audio(): { readonly map: string; readonly payloadType: number } | undefined {
    const audio = this.#audio;
    if (!audio) return undefined;
    const map = audio.map ?? { 0: 'PCMU/8000', 8: 'PCMA/8000' }[audio.payloadType] ?? '';
    return { map, payloadType: audio.payloadType };
  }

  /**
   * The description for this clip and sound: the vendor's, with our codec parameters.
   *
   * @param paths Paths of the whole presentation, from the reply and the camera.
   */
  present(clip: Clip, payloadType: number, audio: AudioSource | undefined, paths: readonly string[]): Presentation {
    const aggregate = attribute(this.#session, 'control');
    const lines = this.#sections.flatMap((one) => {
      if (one === this.#video) return videoLines(one, clip, payloadType);
      return one === this.#audio && audio ? audioLines(one, audio) : one.lines;
    });
    const own = aggregatePaths(aggregate, paths);
    return {
      sdp: [...this.#session, ...lines, ''].join(this.#newline),
      tracks: this.#sections.map((one) => this.#track(one)),
      paths: [...new Set([...paths, ...own])],
      playsTracks: aggregate === undefined,
      lenient: true,
    };
  }

  get #video(): Section | undefined {
    return this.#sections.find(({ media }) => media.startsWith('video'));
  }

  get #audio(): Section | undefined {
    return this.#sections.find(({ media }) => media.startsWith('audio'));
  }

  #track(one: Section): TrackDescription {
    const kind = one === this.#video ? 'video' : one === this.#audio ? 'audio' : 'other';
    return { kind, control: one.control ?? '' };
  }
}

/** Paths added by the session's own control attribute. */
function aggregatePaths(control: string | undefined, paths: readonly string[]): string[] {
  if (control === undefined || control === '*') return [];
  if (/^[a-z]+:\/\//i.test(control)) return [pathOf(control)];
  return [pathOf(control), ...paths.map((path) => `${path}/${control}`.replace(/\/+$/, ''))];
}

function section(lines: readonly string[]): Section {
  const media = (lines[0] ?? '').slice(2);
  const payloadType = Number(media.split(' ')[3] ?? Number.NaN);
  const map = lines
    .map((line) => /^a=rtpmap:\s*(\d+)\s+(\S+)/.exec(line))
    .find((found) => Number(found?.[1]) === payloadType);
  return { media, payloadType, map: map?.[2], control: attribute(lines, 'control'), lines };
}

function attribute(lines: readonly string[], name: string): string | undefined {
  return lines
    .find((line) => line.startsWith(`a=${name}:`))
    ?.slice(name.length + 3)
    .trim();
}

function videoLines({ lines, payloadType: before, map }: Section, clip: Clip, payloadType: number): string[] {
  const own = ENCODING_NAMES[clip.codec];
  const sameCodec =
    map === undefined ||
    map.toUpperCase().startsWith(`${own}/`) ||
    (clip.codec === 'h265' && map.toUpperCase().startsWith('HEVC/'));
  const parameters = { ...parametersOf(clip), config: toAnnexB(clip.parameterSets).toString('hex') };
  const whole = Object.entries(parametersOf(clip))
    .map(([name, value]) => `${name}=${value}`)
    .join(';');
  return lines.map((line) => {
    if (payloadType !== before) line = line.replace(paidFor(before), `$1${payloadType}`);
    if (line.startsWith('a=rtpmap:') && !sameCodec) return `a=rtpmap:${payloadType} ${own}/90000`;
    if (!line.startsWith('a=fmtp:')) return line;
    return sameCodec ? withParameters(line, parameters) : `a=fmtp:${payloadType} ${whole}`;
  });
}

/** Matches a payload type: at the end of the `m=` line's prefix, or after the name of an attribute. */
function paidFor(payloadType: number): RegExp {
  return new RegExp(`^(m=\\S+ \\S+ \\S+ |a=(?:rtpmap|fmtp|framesize|rtcp-fb):\\s*)${payloadType}\\b`);
}

/** Replaces the vendor's values by ours. Adds no missing ones and keeps odd ones. */
function withParameters(line: string, parameters: Readonly<Record<string, string>>): string {
  return line.replace(/([\w-]+)=([^;\s]*)/g, (whole, name: string, old: string) => {
    const value = parameters[name.toLowerCase()];
    if (value === undefined) return whole;
    if (name.toLowerCase() === 'profile-level-id' && !/^[\da-f]{6}$/i.test(old)) return whole;
    return `${name}=${name.toLowerCase().startsWith('sprop') ? likeParameterSets(value, old) : value}`;
  });
}

/** Some vendors leave the next start code at the end of each parameter set. */
function likeParameterSets(value: string, old: string): string {
  const trailing = old.split(',').map((set) => Buffer.from(set, 'base64').subarray(-4).toString('hex') === '00000001');
  const sets = value.split(',').map((set, i) => {
    if (trailing[i] !== true) return set;
    return Buffer.concat([Buffer.from(set, 'base64'), Buffer.from([0, 0, 0, 1])]).toString('base64');
  });
  return sets.join(',');
}

function audioLines({ lines }: Section, audio: AudioSource): string[] {
  const [, rate = ''] = audio.map.split('/');
  const config = /config=([\da-f]+)/i.exec(audio.parameters ?? '')?.[1];
  return lines.map((line) => {
    if (line.startsWith('a=rtpmap:')) return line.replace(/^(a=rtpmap:\s*\d+\s+[^/]+\/)\d+/, `$1${rate}`);
    return line.startsWith('a=fmtp:') && config ? withParameters(line, { config }) : line;
  });
}
