import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@vigia/base';
import { type AccessUnit, type Clip, loadClip, RtpPacketizer, type RtpStreamOptions } from '@vigia/testkit';
import type { Frame } from 'node-av/lib';
import type { AccessUnit as Unit, SourceFormat } from '#core/media';
import { type Picture, VideoDecoder } from '#core/media/libav';
import { H264, H265 } from '../../src/core/media/rtsp/nal-format.ts';
import { VideoTrack } from '../../src/core/media/rtsp/video-track.ts';
import { DECODE_ALL, type DecodeOptions, UnitDecoder } from '../../src/services/stream-capture/unit-decoder.ts';

/** Streams as cameras encode them, as arguments of ffmpeg: 192×112, 25 pictures a second. */
const ENCODERS = {
  h264: '-c:v libx264 -g 12 -bf 0',
  h264Slices: '-c:v libx264 -g 12 -bf 0 -slices 4',
  h264SlicesBFrames: '-c:v libx264 -g 12 -bf 2 -slices 4',
  h264BFrames: '-c:v libx264 -g 12 -bf 2',
  h264OpenGop: '-c:v libx264 -g 12 -bf 2 -x264-params open-gop=1:scenecut=0',
  h264IntraRefresh: '-c:v libx264 -g 24 -bf 0 -x264-params intra-refresh=1:scenecut=0',
  h265: '-c:v libx265 -x265-params log-level=none:keyint=12:bframes=0:open-gop=0',
  h265Slices: '-c:v libx265 -x265-params log-level=none:keyint=12:bframes=0:open-gop=0:slices=4:ctu=16',
  h265OpenGop: '-c:v libx265 -x265-params log-level=none:keyint=12:bframes=2:open-gop=1:scenecut=0',
  h265IntraRefresh:
    '-c:v libx265 -x265-params log-level=none:keyint=24:bframes=0:intra-refresh=1:scenecut=0:ctu=16:no-deblock=1:no-sao=1:constrained-intra=1:ref=1:no-strong-intra-smoothing=1:no-weightp=1',
} as const;

export type Encoder = keyof typeof ENCODERS;

/** A clip of that kind, made once. */
export async function encoded(encoder: Encoder, frames = encoder === 'h265IntraRefresh' ? 130 : 60): Promise<Clip> {
  const args = [
    '-f',
    'lavfi',
    '-i',
    'testsrc2=s=192x112:r=25',
    ...ENCODERS[encoder].split(' '),
    '-frames:v',
    String(frames),
  ];
  const key = createHash('sha256').update(args.join(' ')).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), 'vigia-test-clips');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${encoder}-${key}.mp4`);
  if (!existsSync(path)) {
    const unfinished = join(folder, `${process.pid}-${encoder}.mp4`);
    execFileSync('ffmpeg', ['-loglevel', 'error', '-y', ...args, '-pix_fmt', 'yuv420p', unfinished]);
    renameSync(unfinished, path);
  }
  const clip = await loadClip(path);
  return encoder === 'h265IntraRefresh' ? withRecoveryPoints(clip) : clip;
}

/**
 * x265 renews all columns of a picture and does not say so. Measured with this clip: after at most 55 pictures. The
 * message says recovery_poc_cnt 60, exact_match_flag 1.
 */
function withRecoveryPoints(clip: Clip): Clip {
  const message = Buffer.from('4e01060203c580', 'hex');
  const units = clip.units.map((unit) =>
    unit.index % 24 === 0 && unit.index > 0 ? { ...unit, keyframe: true, nals: [message, ...unit.nals] } : unit,
  );
  return { ...clip, units };
}

/** How a camera sends a clip. */
export interface Sending {
  readonly clip: Clip;
  /** Index of the first unit that is sent. Default 0. */
  readonly from?: number;
  /** Where parameter sets are, apart from the description. Default `keyframes`. */
  readonly sets?: 'description' | 'keyframes' | 'pictures';
  readonly packetization?: RtpStreamOptions['packetization'];
}

/** One packet on its way. */
export interface Sent {
  readonly packet: Buffer;
  readonly unit: AccessUnit;
}

/** The packets of a clip, in order. */
export function packetsOf({ clip, from = 0, sets = 'keyframes', packetization }: Sending): Sent[] {
  const packetizer = new RtpPacketizer({
    payloadType: 96,
    ssrc: 7,
    firstSequence: 65_500,
    codec: clip.codec,
    maxPayloadBytes: 300,
    packetization,
  });
  return clip.units.slice(from).flatMap((unit) => {
    const hasSets = sets === 'pictures' || (sets === 'keyframes' && unit.keyframe);
    const nals = [...(hasSets ? clip.parameterSets : []), ...unit.nals];
    return packetizer.packetize(nals, 1_000_000 + unit.ptsTicks).map((packet) => ({ packet, unit }));
  });
}

/** A picture that came out. */
export interface Shown {
  readonly ptsTicks: number;
  /** SHA-256 of its pixels. */
  readonly hash: string;
  readonly concealed: boolean;
  /** How many packets had been received. */
  readonly afterPackets: number;
}

/** The receiver's way of a stream, from packets to pictures. */
export class Receiver {
  readonly shown: Shown[] = [];
  readonly units: (Omit<Unit, 'data'> & { readonly bytes: number })[] = [];
  readonly remarks: string[] = [];
  readonly decoder: UnitDecoder;
  readonly track: VideoTrack;
  readonly #clock = new FakeClock();
  #packets = 0;

  constructor({ codec, parameterSets }: Clip, decode: Partial<DecodeOptions> = {}, reorder = false) {
    this.decoder = new UnitDecoder({
      clock: this.#clock,
      decode: { ...DECODE_ALL, ...decode },
      publish: (picture) => this.#show(picture),
      onRemark: (sentence) => this.remarks.push(sentence),
      onTooLarge: () => undefined,
    });
    this.decoder.begin(formatOf(codec, parameterSets));
    this.track = new VideoTrack(codec === 'h264' ? H264 : H265, {
      payloadType: 96,
      clockRate: 90_000,
      reorder,
      onUnit: (unit) => this.#take(unit),
    });
  }

  receive(packets: readonly Sent[]): this {
    for (const { packet } of packets) {
      this.#packets += 1;
      this.track.push(packet, this.#packets);
    }
    return this;
  }

  /** Ends the connection. Returns what was counted. */
  end(): ReturnType<UnitDecoder['counters']> {
    this.decoder.forget();
    return this.decoder.counters();
  }

  #take(unit: Unit): void {
    const { data, ...rest } = unit;
    this.units.push({ ...rest, bytes: data.byteLength });
    this.decoder.push(unit, 0, true, 0);
    this.decoder.readEnd();
  }

  #show(picture: Picture): void {
    const ptsTicks = Math.round((picture.stamps.ptsUs * 90) / 1000) - 1_000_000;
    const concealed = this.decoder.counters().concealed > this.shown.filter((one) => one.concealed).length;
    this.shown.push({ ptsTicks, hash: hashOf(picture.frame), concealed, afterPackets: this.#packets });
    picture.release();
  }
}

/** What the decoder makes of a whole clip: the hash of each picture, by its time. */
export function reference({ codec, parameterSets, units }: Clip): Map<number, string> {
  const pictures = new Map<number, string>();
  const decoder = new VideoDecoder({
    format: formatOf(codec, parameterSets),
    threads: 1,
    skipLoopFilter: false,
    hardware: 'none',
    onFallback: () => undefined,
    onPicture: (frame, id) => {
      pictures.set(units[id]?.ptsTicks ?? -1, hashOf(frame));
      decoder.recycle(frame);
    },
  });
  for (const { nals, index } of units) decoder.decode(annexB(nals), index);
  decoder.restart();
  decoder.close();
  return pictures;
}

/** Those of the pictures that are shown as whole and are not what the camera encoded. */
export function smeared(shown: readonly Shown[], expected: ReadonlyMap<number, string>): Shown[] {
  return shown.filter(({ concealed, ptsTicks, hash }) => !concealed && expected.get(ptsTicks) !== hash);
}

function formatOf(codec: Clip['codec'], parameterSets: readonly Buffer[]): SourceFormat {
  return {
    kind: 'rtsp',
    transport: 'udp',
    codec: codec === 'h264' ? 'h264' : 'hevc',
    extradata: parameterSets.length === 0 ? undefined : annexB(parameterSets),
    raw: undefined,
    audio: undefined,
    live: true,
  };
}

function annexB(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
}

function hashOf(frame: Frame): string {
  const hash = createHash('sha256');
  const { width, height, linesize } = frame;
  (frame.data ?? []).slice(0, 3).forEach((plane, i) => {
    const [columns, rows] = i === 0 ? [width, height] : [width / 2, height / 2];
    const stride = linesize[i] ?? 0;
    for (let row = 0; row < rows; row += 1) hash.update(plane.subarray(row * stride, row * stride + columns));
  });
  return hash.digest('hex');
}
