import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { type Clock, type Log, messageOf, UsageError, VigiaError } from '@vigia/base';
import type * as Library from 'node-datachannel';
import type { DataChannel, PeerConnection, RtpPacketizationConfig, Track } from 'node-datachannel';
import { type Offer, type OfferedSound, trueAnswer } from './offer.ts';
import { piecesOf, SOUND_CODECS, SOUND_RATE } from './sound.ts';

/** Payload of an RTP packet, bytes: below the MTU of every network. */
export const PACKET_BYTES = 1_200;
/** Packets that are kept for a viewer who has lost them: 4.9 MB, the kept group of pictures. */
const KEPT_PACKETS = 4_096;
/** All own addresses are known within milliseconds: none is asked for elsewhere. */
const GATHER_MS = 3_000;
/** Of the data channel on which viewers learn when pictures were captured. */
const TIMES = 'vigia.times';
/** Stream and source of the sound: not those of the pictures. */
const SOUND = 'vigia-sound';

/** Where viewers reach this process over UDP: one port for all of them. */
export interface LiveAddress {
  /** Undefined: every address of this machine. */
  readonly bind: string | undefined;
  readonly port: number;
}

/** What becomes of a viewer. Each but `onPacketsLost` and `onPictureLost` is called once at most. */
export interface PeerEvents {
  /** Video can be sent. */
  readonly onOpen: () => void;
  /** Messages can be sent. */
  readonly onTimes: () => void;
  /** It asks for lost packets, which the library sends again. */
  readonly onPacketsLost: () => void;
  /** Its decoder cannot go on without a keyframe (picture loss indication, RFC 4585). It says so again and again. */
  readonly onPictureLost: () => void;
  /** It is gone. Not after `close`. */
  readonly onEnd: (why: string) => void;
}

/** @throws VigiaError when `host` is no name of this machine. */
export async function liveAddress(host: string, port: number): Promise<LiveAddress> {
  const plain = host.replaceAll(/[[\]]/g, '');
  if (plain === '0.0.0.0' || plain === '::') return { bind: undefined, port };
  try {
    return { bind: (await lookup(plain)).address, port };
  } catch (cause) {
    throw new VigiaError('cannot_listen', `live video: ${host} is no address (${messageOf(cause)})`, { cause });
  }
}

/** Makes connections to viewers with libdatachannel: native code, which is why this process does nothing else. */
export class Peers {
  readonly #library: typeof Library;
  readonly #address: LiveAddress;
  readonly #clock: Clock;

  private constructor(library: typeof Library, address: LiveAddress, clock: Clock) {
    this.#library = library;
    this.#address = address;
    this.#clock = clock;
  }

  /** @throws VigiaError `no_live` where the library has no binary for this machine. */
  static async load(address: LiveAddress, clock: Clock, log: Log): Promise<Peers> {
    let library: typeof Library;
    try {
      library = await import('node-datachannel');
    } catch (cause) {
      throw new VigiaError('no_live', `live video: node-datachannel does not run here (${messageOf(cause)})`, {
        cause,
      });
    }
    library.initLogger('Error', (level, message) => log.warn(`libdatachannel: ${level}: ${message}`));
    return new Peers(library, address, clock);
  }

  /** @throws UsageError for an offer that the library refuses. */
  open(offer: Offer, events: PeerEvents): Peer {
    const { bind, port } = this.#address;
    const connection = new this.#library.PeerConnection('viewer', {
      iceServers: [],
      ...(bind === undefined ? {} : { bindAddress: bind }),
      enableIceUdpMux: true,
      portRangeBegin: port,
      portRangeEnd: port,
    });
    return new Peer(this.#library, connection, offer, events, this.#clock);
  }

  /** Ends the library's threads. */
  close(): void {
    this.#library.cleanup();
  }
}

/** What a viewer says that it has lost. */
export interface Losses {
  readonly packets: boolean;
  readonly picture: boolean;
}

/**
 * Reads a message of RTCP, which is a row of packets (RFC 3550, 6.1): a generic NACK is type 205 and a picture loss indication
 * type 206, both of format 1 (RFC 4585, 6.2.1 and 6.3.1). A message that is not RTCP has neither.
 */
export function lossesIn(message: Buffer): Losses {
  const found = { packets: false, picture: false };
  for (let at = 0; at + 12 <= message.byteLength; at += 4 * (message.readUInt16BE(at + 2) + 1)) {
    if (((message[at] as number) & 0x1f) !== 1) continue;
    if (message[at + 1] === 205) found.packets = true;
    if (message[at + 1] === 206) found.picture = true;
  }
  return found;
}

/** Sound that is sent to a viewer, and its stamps. */
interface SoundTrack {
  readonly track: Track;
  readonly rtp: RtpPacketizationConfig;
}

/** The connection to one viewer: ICE, DTLS, SRTP, a track of video, one of sound where there is some, and a data channel. */
export class Peer {
  readonly #connection: PeerConnection;
  readonly #rtp: RtpPacketizationConfig;
  readonly #track: Track;
  readonly #sound: SoundTrack | undefined;
  readonly #clock: Clock;
  readonly #offer: Offer;
  readonly #onEnd: PeerEvents['onEnd'];
  #times: DataChannel | undefined;
  #closed = false;

  constructor(library: typeof Library, connection: PeerConnection, offer: Offer, events: PeerEvents, clock: Clock) {
    const { mid, codec, payloadType, parameters, playoutDelayId, sound } = offer;
    this.#connection = connection;
    this.#clock = clock;
    this.#offer = offer;
    const video = new library.Video(mid, 'SendOnly');
    if (codec === 'h264') video.addH264Codec(payloadType, parameters);
    else video.addH265Codec(payloadType);
    const ssrc = randomInt(1, 2 ** 32);
    video.addSSRC(ssrc, 'vigia', 'vigia', 'video');
    if (playoutDelayId !== undefined)
      video.parseSdpLine(`a=extmap:${playoutDelayId} http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`);
    this.#track = connection.addTrack(video);
    this.#rtp = new library.RtpPacketizationConfig(ssrc, 'vigia', payloadType, 90_000);
    if (playoutDelayId !== undefined) {
      this.#rtp.playoutDelayId = playoutDelayId;
      // Each picture is shown as soon as it is decoded.
      this.#rtp.playoutDelayMin = 0;
      this.#rtp.playoutDelayMax = 0;
    }
    const Packetizer = codec === 'h264' ? library.H264RtpPacketizer : library.H265RtpPacketizer;
    const packets = new Packetizer('StartSequence', this.#rtp, PACKET_BYTES);
    packets.addToChain(new library.RtcpSrReporter(this.#rtp));
    packets.addToChain(new library.RtcpNackResponder(KEPT_PACKETS));
    this.#track.setMediaHandler(packets);
    this.#sound = sound && addSound(library, connection, sound);
    this.#onEnd = events.onEnd;
    this.#listen(events);
    try {
      connection.setRemoteDescription(offer.sdp, 'offer');
    } catch (cause) {
      this.close();
      throw new UsageError(`offer: ${messageOf(cause)}`, { cause });
    }
  }

  /** The answer (SDP) with all addresses of this end. @throws VigiaError `no_live` when the library gives none. */
  answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        timer.cancel();
        const sdp = this.#closed ? undefined : this.#connection.localDescription()?.sdp;
        if (sdp) resolve(trueAnswer(sdp, this.#offer));
        else reject(new VigiaError('no_live', 'live video: the offer was not answered'));
      };
      const timer = this.#clock.after(GATHER_MS, take);
      this.#connection.onGatheringStateChange((state) => {
        if (state === 'complete') take();
      });
      if (this.#connection.gatheringState() === 'complete') take();
    });
  }

  /** @param candidate `candidate:…`. @throws UsageError */
  addCandidate(candidate: string): void {
    try {
      this.#connection.addRemoteCandidate(candidate, this.#offer.mid);
    } catch (cause) {
      throw new UsageError(`candidate: ${messageOf(cause)}`, { cause });
    }
  }

  /** Sends an access unit in Annex B. @param stamp RTP time. */
  send(unit: Buffer, stamp: number): void {
    if (this.#closed) return;
    this.#unlessGone(() => {
      if (!this.#track.isOpen()) return;
      this.#rtp.timestamp = stamp;
      this.#track.sendMessageBinary(unit);
    });
  }

  /** Sends a unit of sound, if this viewer takes sound. @param stamp RTP time of its first sample. */
  sendSound(unit: Buffer, stamp: number): void {
    if (this.#closed || !this.#sound) return;
    const { track, rtp } = this.#sound;
    this.#unlessGone(() => {
      if (!track.isOpen()) return;
      for (const piece of piecesOf(unit, stamp, PACKET_BYTES)) {
        rtp.timestamp = piece.stamp;
        track.sendMessageBinary(piece.data);
      }
    });
  }

  /** Says something about the pictures, if somebody listens. */
  say(message: string): void {
    if (this.#closed) return;
    this.#unlessGone(() => {
      if (this.#times?.isOpen() === true) this.#times.sendMessage(message);
    });
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  /** The library's threads may close what was open a moment ago, and then it throws: that ends this viewer, and no other one. */
  #unlessGone(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.#closed) this.#onEnd(`its connection cannot be used (${messageOf(error)})`);
    }
  }

  /** Its calls come from another thread, and may come late. */
  #listen({ onOpen, onTimes, onPacketsLost, onPictureLost, onEnd }: PeerEvents): void {
    const live =
      (work: () => void): (() => void) =>
      () => {
        if (!this.#closed) work();
      };
    this.#track.onOpen(live(onOpen));
    this.#track.onMessage((message) => {
      if (this.#closed) return;
      const { packets, picture } = lossesIn(message);
      if (packets) onPacketsLost();
      if (picture) onPictureLost();
    });
    this.#connection.onDataChannel((channel) => {
      if (this.#closed || this.#times || channel.getLabel() !== TIMES) return;
      this.#times = channel;
      if (channel.isOpen()) onTimes();
      else channel.onOpen(live(onTimes));
    });
    this.#connection.onStateChange((state) => {
      if (this.#closed || !['closed', 'failed', 'disconnected'].includes(state)) return;
      onEnd(`its connection is ${state}`);
    });
  }
}

/**
 * Nothing ties the sound to the pictures: players hold pictures back to bring them in step with sound, and a picture is shown as
 * soon as it can be. So the sound is in another stream (`msid`) of another source (`cname`), and without sender reports, by which
 * alone a player could put both on one clock (RFC 3550, 6.4.1).
 */
function addSound(library: typeof Library, connection: PeerConnection, sound: OfferedSound): SoundTrack {
  const { mid, codec, payloadType } = sound;
  const audio = new library.Audio(mid, 'SendOnly');
  audio.addAudioCodec(payloadType, `${SOUND_CODECS[codec].sdp}/${SOUND_RATE}`);
  const ssrc = randomInt(1, 2 ** 32);
  audio.addSSRC(ssrc, SOUND, SOUND, 'sound');
  const track = connection.addTrack(audio);
  const rtp = new library.RtpPacketizationConfig(ssrc, SOUND, payloadType, SOUND_RATE);
  track.setMediaHandler(new library.RtpPacketizer(rtp));
  return { track, rtp };
}
