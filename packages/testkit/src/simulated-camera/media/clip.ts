import { statSync } from 'node:fs';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import {
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_LOG_QUIET,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { avGetCodecName, FFmpegError, FormatContext, Log, Packet, type Stream } from 'node-av/lib';
import { isParameterSet, nalRole, splitAnnexB, splitLengthPrefixed, type VideoCodec } from './nal.ts';
import { readTrackHeader } from './parameter-sets.ts';

// Silences libav: its messages about a damaged file are in the error thrown by `loadClip`.
Log.setLevel(AV_LOG_QUIET);

/** Ticks per second of all times in this folder: the RTP clock of video. */
export const TICKS_PER_SECOND = 90_000;
/** Ticks per millisecond. */
export const TICKS_PER_MS = 90;

/** Largest sum of a clip's packets in bytes: the clip is held in memory, once per camera. */
export const MAX_CLIP_BYTES: number = 256 * 1024 * 1024;

/** One coded picture. Its memory belongs to the clip and is read-only. */
export interface AccessUnit {
  /** Position in the clip, in decoding order, from 0. */
  readonly index: number;
  /** NAL units without start codes, without delimiters and without the clip's own parameter sets. */
  readonly nals: readonly Buffer[];
  readonly keyframe: boolean;
  /** Sending time, in 90 kHz ticks from the first unit: never decreasing, 0 for the first. */
  readonly dtsTicks: number;
  /** Presentation time on the same scale; at or after `dtsTicks`. */
  readonly ptsTicks: number;
}

/** A looped source of access units. It begins with a keyframe. */
export interface Clip {
  readonly path: string;
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  /** Frames per second, the mean over the clip. */
  readonly fps: number;
  readonly units: readonly AccessUnit[];
  /** SPS and PPS NAL units (of H.265 VPS, SPS and PPS) without start codes, in that order. */
  readonly parameterSets: readonly Buffer[];
  /** Distance between the first units of two rounds, in 90 kHz ticks. */
  readonly periodTicks: number;
  /** Largest `ptsTicks - dtsTicks`: 0 means that there are no B-frames. */
  readonly reorderTicks: number;
  /** Sum of all packets. */
  readonly bytes: number;
  /** The file's AAC track, if it has one with raw packets (MP4, Matroska). */
  readonly audio?: ClipAudio;
}

/** Sound of a clip. */
export interface ClipAudio {
  /** Of the AAC track. */
  readonly sampleRate: number;
  readonly channels: number;
  /** AudioSpecificConfig (ISO/IEC 14496-3). */
  readonly config: Buffer;
  /** AAC access units of {@link AAC_SAMPLES} samples each, repeated endlessly. Never empty. */
  readonly units: readonly Buffer[];
}

/** Samples of an AAC access unit. */
export const AAC_SAMPLES = 1024;

/** Codes of the errors of {@link loadClip}. */
export type ClipErrorCode = 'clip_not_found' | 'clip_unreadable' | 'clip_no_video' | 'clip_too_large';

/** A packet of the file. */
interface RawPacket {
  readonly data: Buffer;
  readonly pts: bigint;
  readonly dts: bigint;
  readonly duration: bigint;
  readonly keyframe: boolean;
}

interface RawTrack {
  readonly codec: VideoCodec;
  readonly audio: ClipAudio | undefined;
  readonly packets: readonly RawPacket[];
  readonly extradata: Buffer;
  /** Factor for ticks of the file's time base. */
  readonly ticksPerUnit: number;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

const NO_TIME = -(2n ** 63n);

/**
 * Reads all packets of the first H.264 or H.265 track of a file (MP4, MOV, Matroska, MPEG-TS) into memory, and those of
 * its first AAC track. No native object outlives the call.
 *
 * @throws VigiaError with a {@link ClipErrorCode}; `path` is the file.
 */
export async function loadClip(path: string, limits: { readonly maxBytes?: number } = {}): Promise<Clip> {
  checkFile(path);
  const context = new FormatContext();
  const opened = await context.openInput(path);
  // On failure libav has freed the context itself.
  if (opened < 0) throw unreadable(path, FFmpegError.strerror(opened));
  try {
    const track = await readTrack(context, path, limits.maxBytes ?? MAX_CLIP_BYTES);
    return assemble(path, track);
  } finally {
    await context.closeInput();
  }
}

function fail(code: ClipErrorCode, message: string, path: string, cause?: unknown): VigiaError<ClipErrorCode> {
  return new VigiaError(code, message, { path, cause });
}

function unreadable(path: string, found: string): VigiaError<ClipErrorCode> {
  return fail(
    'clip_unreadable',
    `${path} cannot be read as a video (${found}): an intact file with an H.264 or H.265 track is needed`,
    path,
  );
}

function checkFile(path: string): void {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (error) {
    const found = codeOf(error) === 'ENOENT' ? 'does not exist' : `cannot be opened (${messageOf(error)})`;
    throw fail('clip_not_found', `${path} ${found}: the path of a readable video file is needed`, path, error);
  }
  if (!isFile) throw fail('clip_not_found', `${path} is not a file: the path of a readable video file is needed`, path);
}

async function readTrack(context: FormatContext, path: string, maxBytes: number): Promise<RawTrack> {
  const info = await context.findStreamInfo(null);
  if (info < 0) throw unreadable(path, FFmpegError.strerror(info));
  const { stream, codec } = findVideo(context.streams, path);
  const sound = findAudio(context.streams);
  const { packets, others, bytes } = await readPackets(context, stream.index, sound?.index, path, maxBytes);
  const { num, den } = stream.timeBase;
  return {
    codec,
    packets,
    bytes,
    audio: sound && others.length > 0 ? audioOf(sound, others) : undefined,
    extradata: Buffer.from(stream.codecpar.extradata ?? Buffer.alloc(0)),
    ticksPerUnit: (TICKS_PER_SECOND * num) / den,
    width: stream.codecpar.width,
    height: stream.codecpar.height,
  };
}

function findVideo(streams: readonly Stream[], path: string): { stream: Stream; codec: VideoCodec } {
  for (const stream of streams) {
    if (stream.codecpar.codecId === AV_CODEC_ID_H264) return { stream, codec: 'h264' };
    if (stream.codecpar.codecId === AV_CODEC_ID_HEVC) return { stream, codec: 'h265' };
  }
  const tracks = streams.map((stream) => {
    const kind = stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO ? 'video' : 'other';
    return `${avGetCodecName(stream.codecpar.codecId) ?? 'unknown'} (${kind})`;
  });
  const listed = tracks.length > 0 ? tracks.join(', ') : 'no track at all';
  const message = `${path} has no H.264 and no H.265 track (found: ${listed}): only those can be played`;
  throw fail('clip_no_video', message, path);
}

/** Without a header the packets have headers of their own (ADTS), which RTP does not carry. */
function findAudio(streams: readonly Stream[]): Stream | undefined {
  return streams.find(
    ({ codecpar }) => codecpar.codecId === AV_CODEC_ID_AAC && (codecpar.extradata?.byteLength ?? 0) >= 2,
  );
}

function audioOf({ codecpar }: Stream, packets: readonly RawPacket[]): ClipAudio {
  return {
    sampleRate: codecpar.sampleRate,
    channels: codecpar.channels,
    config: Buffer.from(codecpar.extradata ?? Buffer.alloc(0)),
    units: packets.map(({ data }) => data),
  };
}

async function readPackets(
  context: FormatContext,
  streamIndex: number,
  otherIndex: number | undefined,
  path: string,
  maxBytes: number,
): Promise<{ packets: RawPacket[]; others: RawPacket[]; bytes: number }> {
  const packets: RawPacket[] = [];
  const others: RawPacket[] = [];
  let bytes = 0;
  const packet = new Packet();
  packet.alloc();
  try {
    for (;;) {
      const result = await context.readFrame(packet);
      if (result === AVERROR_EOF) return { packets, others, bytes };
      if (result < 0) throw unreadable(path, FFmpegError.strerror(result));
      const into =
        packet.streamIndex === streamIndex ? packets : packet.streamIndex === otherIndex ? others : undefined;
      if (into && packet.size > 0) {
        bytes += packet.size;
        if (bytes > maxBytes) throw tooLarge(path, maxBytes);
        into.push(copyPacket(packet));
      }
      packet.unref();
    }
  } finally {
    packet.free();
  }
}

function tooLarge(path: string, maxBytes: number): VigiaError<ClipErrorCode> {
  return fail(
    'clip_too_large',
    `${path} holds more than ${maxBytes} bytes of video and sound: at most that many are kept in memory`,
    path,
  );
}

function copyPacket(packet: Packet): RawPacket {
  return {
    data: Buffer.from(packet.data ?? Buffer.alloc(0)),
    pts: packet.pts,
    dts: packet.dts,
    duration: packet.duration,
    keyframe: packet.isKeyframe,
  };
}

function assemble(path: string, track: RawTrack): Clip {
  const { codec, width, height, bytes, audio } = track;
  const header = readTrackHeader(track.extradata, codec);
  if (!header) throw unreadable(path, 'the header of its video track is cut off');
  const all = track.packets.map((packet) => splitPacket(path, packet.data, header.lengthBytes));
  // A session begins with a keyframe, so the clip does; earlier units cannot be decoded.
  const firstKey = track.packets.findIndex((packet) => packet.keyframe);
  if (firstKey < 0) throw unreadable(path, 'no keyframe in its video track');
  const packets = track.packets.slice(firstKey);
  const split = all.slice(firstKey);
  const { parameterSets: listed } = header;
  const parameterSets = listed.length > 0 ? listed : (split[0] ?? []).filter((nal) => isParameterSet(nal, codec));
  const missing = missingSet(parameterSets, codec);
  if (missing) throw unreadable(path, `its video track has no ${missing}`);
  const times = timesOf(packets, track.ticksPerUnit);
  const units = split.map((nals, index): AccessUnit => {
    const { dtsTicks, ptsTicks } = times[index] as UnitTime;
    const kept = nals.filter(
      (nal) => nalRole(nal, codec) !== 'delimiter' && !parameterSets.some((set) => set.equals(nal)),
    );
    return { index, nals: kept, keyframe: (packets[index] as RawPacket).keyframe, dtsTicks, ptsTicks };
  });
  const periodTicks = periodOf(times, Math.round(Number(packets.at(-1)?.duration ?? 0n) * track.ticksPerUnit));
  const reorderTicks = Math.max(...times.map((time) => time.ptsTicks - time.dtsTicks));
  const fps = (units.length * TICKS_PER_SECOND) / periodTicks;
  const clip = { path, codec, width, height, fps, units, parameterSets, periodTicks, reorderTicks, bytes };
  return audio ? { ...clip, audio } : clip;
}

function missingSet(parameterSets: readonly Buffer[], codec: VideoCodec): string | undefined {
  const needed = codec === 'h264' ? (['sps', 'pps'] as const) : (['vps', 'sps', 'pps'] as const);
  return needed.find((role) => !parameterSets.some((nal) => nalRole(nal, codec) === role))?.toUpperCase();
}

function splitPacket(path: string, data: Buffer, lengthBytes: number | undefined): Buffer[] {
  const nals = lengthBytes === undefined ? splitAnnexB(data) : splitLengthPrefixed(data, lengthBytes);
  if (!nals || nals.length === 0) throw unreadable(path, 'a packet is not made of whole NAL units');
  return nals;
}

interface UnitTime {
  readonly dtsTicks: number;
  readonly ptsTicks: number;
}

function timesOf(packets: readonly RawPacket[], ticksPerUnit: number): UnitTime[] {
  const dtsOf = (packet: RawPacket): bigint => (packet.dts === NO_TIME ? packet.pts : packet.dts);
  const first = dtsOf(packets[0] as RawPacket);
  const ticks = (value: bigint): number => Math.round(Number(value - first) * ticksPerUnit);
  let previous = 0;
  return packets.map((packet) => {
    // A file may lack a packet's time, or have one that decreases: the camera still sends in order.
    previous = Math.max(previous, dtsOf(packet) === NO_TIME ? previous : ticks(dtsOf(packet)));
    const ptsTicks = packet.pts === NO_TIME ? previous : Math.max(previous, ticks(packet.pts));
    return { dtsTicks: previous, ptsTicks };
  });
}

/** Long enough that neither sending nor presentation times overlap with the next round's. */
function periodOf(times: readonly UnitTime[], lastDurationTicks: number): number {
  const lastDts = (times.at(-1) as UnitTime).dtsTicks;
  const mean = times.length > 1 ? lastDts / (times.length - 1) : TICKS_PER_SECOND / 10;
  const step = Math.max(1, lastDurationTicks > 0 ? lastDurationTicks : Math.round(mean));
  const pts = times.map((time) => time.ptsTicks);
  return Math.max(lastDts, Math.max(...pts) - Math.min(...pts)) + step;
}
