import { type Clock, VigiaError } from '@vigia/base';
import type { AudioSource, Clip } from '#simulated-camera/media';
import type { Manners, PlayFacts, Presentation, RtspHeader, RtspReply, SetupFacts } from '#simulated-camera/rtsp';
import { defaultManners, pathOf, targetOf } from '#simulated-camera/rtsp';
import type { Recordings } from './load-manners.ts';
import { headerOf, type MannersErrorCode, type RecordedKind, type RecordedReply } from './recorded-reply.ts';
import { VendorSdp } from './vendor-sdp.ts';
import { dateLike, identifierLike, sessionLike, ssrcLike, transportLike, urlLike } from './wording.ts';

/** Properties of a camera with recorded manners. */
export interface VendorFacts {
  readonly clip: Clip;
  readonly audio: AudioSource | undefined;
  /** Path of the camera: valid besides those of the vendor. */
  readonly path: string;
  readonly clock: Clock;
}

/** A camera's replies in the form of recorded ones. */
export class VendorManners {
  readonly #facts: VendorFacts;
  readonly #recordings: Recordings;
  readonly #describe: RecordedReply | undefined;
  readonly #sdp: VendorSdp | undefined;
  readonly #presentations = new WeakMap<Clip, Presentation>();

  /** @throws VigiaError `manners_unfit` when no recorded description fits the clip or the sound. */
  constructor(recordings: Recordings, facts: VendorFacts) {
    this.#facts = facts;
    this.#recordings = recordings;
    const described = (recordings.get('describe') ?? []).map((reply) => ({ reply, sdp: new VendorSdp(reply.body) }));
    const fitting = described.find(({ sdp }) => sdp.codec === undefined || sdp.codec === facts.clip.codec);
    if (described.length > 0 && !fitting) throw unfitCodec(described, facts.clip);
    this.#describe = fitting?.reply;
    this.#sdp = fitting?.sdp;
    if (fitting) checkAudio(fitting.sdp, fitting.reply.path, facts.audio);
  }

  /** Payload type of the pictures; undefined without a recorded description. */
  get payloadType(): number | undefined {
    return this.#sdp?.payloadType;
  }

  /** For a clip with another codec. */
  get otherPayloadType(): number | undefined {
    return this.#sdp?.freePayloadType;
  }

  /** Payload type of the sound. */
  get audioPayloadType(): number | undefined {
    return this.#sdp?.audio?.payloadType;
  }

  /** Session timeout that SETUP announces, in seconds. */
  get timeoutS(): number | undefined {
    const sessions = (this.#recordings.get('setup') ?? []).map(({ headers }) => headerOf(headers, 'session') ?? '');
    const text = sessions.map((session) => /timeout\s*=\s*(\d+)/i.exec(session)?.[1]).find(Boolean);
    return text === undefined ? undefined : Math.max(1, Math.min(86_400, Number(text)));
  }

  /** Realm of the recorded challenge of that scheme. */
  realmOf(scheme: 'basic' | 'digest'): string | undefined {
    const challenge = this.#first('unauthorized')?.headers.find(([name, value]) => isChallenge(name, value, scheme));
    return /realm="([^"]*)"/i.exec(challenge?.[1] ?? '')?.[1];
  }

  /** An identifier in the vendor's form; undefined when none was recorded. */
  newSessionId(random32: () => number): string | undefined {
    const all = ['setup', 'play', 'describe', 'options'] as const;
    const headers = all
      .flatMap((kind) => this.#recordings.get(kind) ?? [])
      .map((reply) => headerOf(reply.headers, 'session'));
    const sample = headers
      .find((session) => session !== undefined)
      ?.split(';')[0]
      ?.trim();
    return sample === undefined ? undefined : identifierLike(sample, random32);
  }

  /** The recorded description of this clip; undefined when none was recorded. */
  presentation(clip: Clip, payloadType: number): Presentation | undefined {
    if (!this.#sdp || !this.#describe) return undefined;
    const known = this.#presentations.get(clip);
    if (known) return known;
    const { headers } = this.#describe;
    const bases = ['content-base', 'content-location'].flatMap((name) => headerOf(headers, name) ?? []);
    const paths = [this.#facts.path, ...bases.map(pathOf)];
    const made = this.#sdp.present(clip, payloadType, this.#facts.audio, paths);
    this.#presentations.set(clip, made);
    return made;
  }

  /** The recorded headers and texts; everything else is unchanged. */
  manners(): Partial<Manners> {
    const out: { -readonly [K in keyof Manners]?: Manners[K] } = {};
    const options = this.#first('options');
    const describe = this.#describe;
    const play = this.#first('play');
    const done = this.#first('done');
    const unauthorized = this.#first('unauthorized');
    const setups = this.#recordings.get('setup') ?? [];
    if (options) out.options = ({ sessionId }) => this.#reply(options, { session: sessionId });
    if (describe) {
      out.describe = ({ origin, sdp, sessionId }) => ({
        ...this.#reply(describe, { session: sessionId, origin }),
        body: sdp.replace(
          /^(a=control:\s*)(rtsps?:\/\/\S*)/gim,
          (_, name: string, url: string) => name + urlLike(url, origin),
        ),
      });
    }
    if (setups.length > 0) out.setup = (facts) => this.#setup(setups, facts);
    if (play) out.play = (facts) => this.#play(play, facts);
    if (done) out.done = ({ sessionId }) => this.#reply(done, { session: sessionId });
    if (unauthorized) {
      const says = (scheme: string): boolean =>
        unauthorized.headers.some(([name, value]) => isChallenge(name, value, scheme));
      out.unauthorized = ({ challenge, nonce }) => {
        // A vendor that offers several schemes keeps doing so; one that offers neither of ours gets it added.
        const keepOthers = says(schemeOf(challenge));
        const word = (value: string): string =>
          schemeOf(value) === schemeOf(challenge)
            ? challengeLike(value, challenge, nonce)
            : keepOthers
              ? value
              : challenge;
        return this.#reply(unauthorized, { replace: { 'www-authenticate': word } });
      };
    }
    const refused = this.#recordings.get('refused') ?? [];
    if (refused.length > 0) {
      out.refused = ({ status }) => {
        const recorded = refused.find((reply) => reply.status === status);
        return recorded ? this.#reply(recorded, {}) : { status };
      };
    }
    return out;
  }

  #first(kind: RecordedKind): RecordedReply | undefined {
    return this.#recordings.get(kind)?.[0];
  }

  #reply(
    recorded: RecordedReply,
    how: {
      readonly session?: string | undefined;
      readonly origin?: string | undefined;
      readonly replace?: Readonly<Record<string, (value: string) => string>>;
    },
  ): RtspReply {
    const { session, origin, replace = {} } = how;
    const headers = recorded.headers.map(([name, value, separator = ': ']): RtspHeader => {
      const key = name.trim().toLowerCase();
      let said = replace[key]?.(value) ?? value;
      if (key === 'session' && session !== undefined) said = sessionLike(said, session);
      if (key === 'date' || key === 'expires') said = dateLike(value, this.#facts.clock.wallMs());
      if (origin !== undefined && (key === 'content-base' || key === 'content-location')) said = urlLike(value, origin);
      return [name, said, separator];
    });
    return { status: recorded.status, reason: recorded.reason, headers };
  }

  #setup(setups: readonly RecordedReply[], facts: SetupFacts): RtspReply {
    const { negotiated, ssrc, track, sessionId, timeoutS } = facts;
    const recorded = setupFor(setups, negotiated.protocol, track);
    if (!recorded) return defaultManners.setup(facts);
    const transport = (value: string): string => transportLike(value, negotiated, ssrc);
    const session = (value: string): string => value.replace(/(timeout\s*=\s*)\d+/i, `$1${timeoutS}`);
    const reply = this.#reply(recorded, { session: sessionId, replace: { transport, session } });
    // Without it no PLAY could follow, in any recording.
    const named = headerOf(recorded.headers, 'session') !== undefined;
    return named ? reply : { ...reply, headers: [...(reply.headers ?? []), ['Session', sessionId]] };
  }

  #play(recorded: RecordedReply, facts: PlayFacts): RtspReply {
    const info = (value: string): string => this.#rtpInfo(value, facts);
    return this.#reply(recorded, { session: facts.sessionId, replace: { 'rtp-info': info } });
  }

  #rtpInfo(value: string, { origin, tracks }: PlayFacts): string {
    const presentation = this.presentation(this.#facts.clip, this.payloadType ?? 0);
    const kept = value.split(/,(?=\s*url=)/i).flatMap((entry) => {
      const url = /url=([^;\s]*)/i.exec(entry)?.[1] ?? '';
      const at = presentation ? trackNamed(url, presentation) : undefined;
      const start = tracks.find(({ track }) => track === (at ?? -1));
      // For tracks in the description, reports those that were set up; for unknown ones, the recorded values.
      if (at !== undefined && !start) return [];
      const moved = entry.replace(url, urlLike(url, origin));
      return [start ? withNumbers(moved, start) : moved];
    });
    return kept.join(',');
  }
}

function trackNamed(url: string, presentation: Presentation): number | undefined {
  const byName = presentation.tracks.findIndex(({ control }) => control === url);
  if (byName >= 0) return byName;
  const target = targetOf(url, presentation);
  return typeof target === 'number' ? target : undefined;
}

/** Valid numbers are replaced by ours; odd ones stay: they are the reason for the recording. */
function withNumbers(entry: string, start: { sequence: number; rtpTime: number; ssrc: number }): string {
  const fits = (text: string, bound: number): boolean => /^\d+$/.test(text) && Number(text) < bound;
  return entry.replace(/\b(seq|rtptime|ssrc)=([^;,]*)/gi, (whole, name: string, old: string) => {
    const key = name.toLowerCase();
    if (key === 'seq') return fits(old, 2 ** 16) ? `${name}=${start.sequence}` : whole;
    if (key === 'rtptime') return fits(old, 2 ** 32) ? `${name}=${start.rtpTime}` : whole;
    return `${name}=${ssrcLike(old, start.ssrc)}`;
  });
}

/** The reply recorded for the transport and the track: the second track of one camera used the channels 2 and 3. */
function setupFor(setups: readonly RecordedReply[], protocol: 'tcp' | 'udp', track: number): RecordedReply | undefined {
  const transports = setups.map((reply) => ({ reply, transport: headerOf(reply.headers, 'transport') ?? '' }));
  const same = transports.filter(({ transport }) => /RTP\/AVP\/TCP/i.test(transport) === (protocol === 'tcp'));
  const some = same.length > 0 ? same : transports;
  const exact = some.find(({ transport }) => new RegExp(`interleaved=\\s*${2 * track}\\b`, 'i').test(transport));
  return (exact ?? some[0] ?? transports[0])?.reply;
}

function isChallenge(name: string, value: string, scheme: string): boolean {
  return name.trim().toLowerCase() === 'www-authenticate' && value.trim().toLowerCase().startsWith(scheme);
}

function schemeOf(challenge: string): string {
  return challenge.trim().split(' ')[0]?.toLowerCase() ?? '';
}

/** The vendor's challenge with our nonce if the algorithm matches; otherwise ours. */
function challengeLike(value: string, challenge: string, nonce = ''): string {
  const algorithm = /algorithm="?([\w-]+)/i.exec(value)?.[1]?.toUpperCase() ?? 'MD5';
  if (schemeOf(value) === 'digest' && !challenge.includes(`algorithm=${algorithm},`)) return challenge;
  const stale = challenge.includes('stale=true');
  const fresh = value.replace(/nonce="[^"]*"/i, `nonce="${nonce}"`);
  if (/stale="?\w+"?/i.test(fresh)) return fresh.replace(/stale=("?)\w+("?)/i, `stale=$1${stale ? 'TRUE' : 'FALSE'}$2`);
  return stale ? `${fresh}, stale=true` : fresh;
}

function unfitCodec(
  described: readonly { readonly reply: RecordedReply; readonly sdp: VendorSdp }[],
  clip: Clip,
): VigiaError<MannersErrorCode> {
  const [first] = described;
  const found = first?.sdp.codec === 'none' ? 'no pictures' : (first?.sdp.codec ?? 'another codec');
  const message = `${first?.reply.path ?? 'the description'} describes ${found}, ${clip.path} is ${clip.codec}: a clip of the vendor's codec is needed`;
  return new VigiaError('manners_unfit', message, { path: first?.reply.path });
}

const VENDOR_NAMES = { pcma: 'PCMA', pcmu: 'PCMU', aac: 'MPEG4-GENERIC' } as const;

function checkAudio(sdp: VendorSdp, path: string, audio: AudioSource | undefined): void {
  if (!audio) return;
  const found = sdp.audio?.map ?? 'no sound';
  if (found.toUpperCase().startsWith(`${VENDOR_NAMES[audio.encoding]}/`)) return;
  const message = `${path} describes ${found}, audio is ${audio.encoding}: the vendor's encoding or none is needed`;
  throw new VigiaError<MannersErrorCode>('manners_unfit', message, { path });
}
