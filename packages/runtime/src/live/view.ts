import { randomInt } from 'node:crypto';
import { type Clock, messageOf, sleep, type Timer, VigiaError } from '@vigia/base';
import type { EncodedTap, TapItem } from '#core/encoded';
import type { SourceFormat } from '#core/media';
import type { CameraUnits } from './camera-units.ts';
import { CaptureTimes } from './capture-times.ts';
import { isLiveCodec, type LiveCodec, type Offer, readOffer } from './offer.ts';
import { withoutHeldPictures, withParameterSets } from './parameter-sets.ts';
import { PACKET_BYTES, type Peer, type Peers } from './peer.ts';
import { PictureStamps } from './picture-stamps.ts';
import { type SoundCodec, soundCodecOf, SoundStamps } from './sound.ts';

/** A viewer must be connected after this time. Milliseconds. */
const CONNECT_MS = 15_000;
/** Of pictures that are only decoded: so many bytes at once, and a pause, or the kernel drops what a browser has not read. */
const SLICE_BYTES = 32 * 1024;
const PAUSE_MS = 2;
/** The pause while packets are lost: they may be too many for the network. 4 MB/s in place of 16. */
const SLOW_PAUSE_MS = 8;
/**
 * A lost packet can be sent again until 1,024 newer ones have been sent: later ones are a replay to SRTP at either end (the window of
 * libdatachannel and of browsers; RFC 3711, 3.3.2). Half of them are for a packet that is lost once more.
 */
const REPAIRABLE_PACKETS = 512;
/** A viewer who has asked for no packet for so long has them all: browsers ask again each round trip, or after 100 ms. Milliseconds. */
const REPAIRED_MS = 150;
/** What is still lost then is given up. Milliseconds. */
const REPAIR_LIMIT_MS = 1_000;
/** A viewer whose decoder waits for a keyframe for so long is to come again: a new one gets the kept pictures. Milliseconds. */
const LOST_MS = 1_000;

/** Options of {@link View.open}. */
export interface ViewOptions {
  readonly units: Pick<CameraUnits, 'format' | 'mayReorder' | 'newest' | 'open' | 'profile'>;
  readonly peers: Pick<Peers, 'open'>;
  /** SDP. */
  readonly offer: string;
  readonly clock: Clock;
  /** Called once, when it has ended by itself. */
  readonly onEnd: (why: string) => void;
}

/** Somebody who looks at a camera. */
export class View {
  readonly #o: ViewOptions;
  readonly #codec: LiveCodec;
  readonly #stamps: PictureStamps;
  /** Undefined: without sound. */
  readonly #sound: { readonly codec: SoundCodec; readonly stamps: SoundStamps } | undefined;
  readonly #tap: EncodedTap;
  readonly #deadline: Timer;
  readonly #times: CaptureTimes;
  readonly #peer: Peer;
  /** The parameter sets of the connection's description. */
  #described: Buffer | undefined;
  /** Whether the viewer listens to times: then it comes again by itself. */
  #hears = false;
  /** Sound that came before is not sent. Monotonic milliseconds. */
  #soundFromMs = Number.POSITIVE_INFINITY;
  /** Whether the present connection of the camera has the sound of the answer. */
  #hasSound = true;
  /** Since when its decoder has been waiting for a keyframe, and when it last said so. */
  #lost: { readonly fromMs: number; readonly saidMs: number } | undefined;
  /** When it last asked for packets. */
  #missedMs = Number.NEGATIVE_INFINITY;
  #ended = false;

  private constructor(
    options: ViewOptions,
    { codec, sound }: Offer,
    stamps: PictureStamps,
    open: (view: View) => Peer,
  ) {
    this.#o = options;
    this.#codec = codec;
    this.#sound = sound && { codec: sound.codec, stamps: new SoundStamps(randomInt(2 ** 32)) };
    this.#stamps = stamps;
    this.#tap = options.units.open();
    this.#times = new CaptureTimes(options.clock, (time) => this.#peer.say(JSON.stringify(time)));
    this.#deadline = options.clock.after(CONNECT_MS, () => this.#end('it was not connected in time'));
    try {
      this.#peer = open(this);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /**
   * Answers an offer. Sends video as soon as the viewer is connected.
   *
   * @throws UsageError for an offer that cannot be used; VigiaError `camera_away`, `codec`, `no_live`.
   */
  static async open(options: ViewOptions): Promise<{
    readonly view: View;
    /** SDP. */
    readonly answer: string;
    /** See `RTP_ORIGIN_HEADER`. */
    readonly origin: string;
  }> {
    const { units, peers } = options;
    const newest = await units.newest();
    const codec = units.format?.codec ?? '';
    if (!isLiveCodec(codec))
      throw new VigiaError('codec', `this camera sends ${codec}; live video is possible with H.264 and H.265`);
    const offer = readOffer(options.offer, codec, units.profile, soundCodecOf(units.format?.audio));
    const stamps = new PictureStamps(newest, randomInt(2 ** 32));
    const view = new View(options, offer, stamps, (self) =>
      peers.open(offer, {
        onOpen: () => {
          self.#run().catch((error: unknown) => self.#end(messageOf(error)));
        },
        onTimes: () => self.#hear(),
        onPacketsLost: () => {
          self.#missedMs = options.clock.nowMs();
        },
        onPictureLost: () => self.#pictureLost(),
        onEnd: (why) => self.#end(why),
      }),
    );
    try {
      const answer = await view.#peer.answer();
      return { view, answer, origin: `${stamps.origin}@${Math.round(newest.capturedMs * 1000)}` };
    } catch (error) {
      view.close();
      throw error;
    }
  }

  /** @throws UsageError */
  addCandidate(candidate: string): void {
    this.#peer.addCandidate(candidate);
  }

  /** Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    this.#peer.close();
  }

  #release(): void {
    this.#deadline.cancel();
    this.#times.close();
    this.#tap.close();
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.close();
    this.#o.onEnd(why);
  }

  /** Sends what comes until one end closes. A viewer who is slow loses packets, or whole groups of pictures: nobody waits. */
  async #run(): Promise<void> {
    this.#deadline.cancel();
    if (this.#ended) return;
    this.#times.start();
    await this.#catchUp();
    this.#soundFromMs = this.#o.clock.nowMs();
    for (let item = await this.#tap.next(); item && !this.#ended; item = await this.#tap.next()) this.#take(item);
    this.#end('the camera is gone, or is another one now');
  }

  /** Sends what was kept, no faster than lost packets of it can be sent again. */
  async #catchUp(): Promise<void> {
    let burst = 0;
    let packets = 0;
    for (const item of waitingIn(this.#tap)) {
      const bytes = this.#take(item);
      burst += bytes;
      packets += Math.ceil(bytes / PACKET_BYTES);
      if (packets >= REPAIRABLE_PACKETS) {
        packets = 0;
        await this.#repaired();
      }
      if (burst < SLICE_BYTES) continue;
      burst = 0;
      await sleep(this.#o.clock, this.#o.clock.nowMs() - this.#missedMs < REPAIRED_MS ? SLOW_PAUSE_MS : PAUSE_MS);
    }
  }

  /** Waits while the viewer asks for packets. */
  async #repaired(): Promise<void> {
    const { clock } = this.#o;
    const limitMs = clock.nowMs() + REPAIR_LIMIT_MS;
    for (;;) {
      const leftMs = Math.min(this.#missedMs + REPAIRED_MS, limitMs) - clock.nowMs();
      if (leftMs <= 0 || this.#ended) return;
      await sleep(clock, leftMs);
    }
  }

  /** @returns the bytes that were sent. */
  #take(item: TapItem): number {
    if (item.kind === 'format') this.#begin(item.format);
    if (item.kind === 'audio') this.#passSound(item);
    if (item.kind !== 'video' || this.#ended) return 0;
    const stamp = this.#stamps.of(item);
    const data = item.keyframe ? this.#keyframe(item.data) : item.data;
    this.#peer.send(data, stamp);
    if (!this.#stamps.isBefore(item)) this.#times.note(stamp, item);
    return data.byteLength;
  }

  /** Sound that waited for the connection, or for the kept pictures, would come late, and all that follows behind it. */
  #passSound(item: Extract<TapItem, { kind: 'audio' }>): void {
    if (!this.#sound || !this.#hasSound || item.arrivedMs < this.#soundFromMs || this.#ended) return;
    this.#peer.sendSound(item.data, this.#sound.stamps.of(item));
  }

  #hear(): void {
    this.#hears = true;
    this.#times.say();
  }

  #pictureLost(): void {
    const nowMs = this.#o.clock.nowMs();
    const before = this.#lost;
    // One that has been silent for so long had what it waited for.
    const fromMs = before && nowMs - before.saidMs < LOST_MS ? before.fromMs : nowMs;
    this.#lost = { fromMs, saidMs: nowMs };
    if (this.#hears && nowMs - fromMs >= LOST_MS) this.#end('it lost pictures, and no keyframe came');
  }

  #keyframe(data: Buffer): Buffer {
    this.#lost = undefined;
    const whole = withParameterSets(this.#codec, data, this.#described);
    // H.265 says how many pictures wait.
    return this.#codec !== 'h264' || this.#o.units.mayReorder ? whole : withoutHeldPictures(whole);
  }

  #begin({ codec, extradata, audio }: SourceFormat): void {
    if (codec !== this.#codec) this.#end(`the camera sends ${codec} now`);
    this.#described = extradata;
    this.#stamps.reconnected();
    this.#hasSound = soundCodecOf(audio) === this.#sound?.codec;
    this.#sound?.stamps.reconnected();
  }
}

/** What waits, from its newest keyframe on: a group of pictures in which nothing is live is not even decoded. */
export function waitingIn(tap: EncodedTap): TapItem[] {
  const items: TapItem[] = [];
  for (let item = tap.take(); item; item = tap.take()) items.push(item);
  const last = items.findLastIndex((item) => item.kind === 'video' && item.keyframe);
  return items.filter((item, i) => i >= last || item.kind !== 'video');
}
