import { statSync } from 'node:fs';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { AV_CODEC_ID_H264, AV_LOG_QUIET, AVERROR_EOF, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { avGetCodecName, FFmpegError, FormatContext, Log, Packet, type Stream } from 'node-av/lib';
import { NAL_AUD, NAL_PPS, NAL_SPS, nalType, splitAnnexB, splitLengthPrefixed } from './nal.ts';

// What libav would write to stderr about a damaged file is in the error that `loadClip` throws.
Log.setLevel(AV_LOG_QUIET);

/** Ticks per second of every time in this folder: the RTP clock of video. */
export const TICKS_PER_SECOND = 90_000;
/** The same per millisecond. */
export const TICKS_PER_MS = 90;

/** Largest sum of a clip's packets in bytes: the clip is held in memory, once per camera. */
export const MAX_CLIP_BYTES: number = 256 * 1024 * 1024;

/** Codecs that a camera can play. */
export type VideoCodec = 'h264' | 'h265';

/** One coded picture. Its memory belongs to the clip and is never written. */
export interface AccessUnit {
  /** Position in the clip, in decoding order, from 0. */
  readonly index: number;
  /** NAL units without start codes, without delimiters and without the clip's own parameter sets. */
  readonly nals: readonly Buffer[];
  readonly keyframe: boolean;
  /** When it is sent, in 90 kHz ticks from the first unit: never decreasing, 0 for the first. */
  readonly dtsTicks: number;
  /** When it is shown, on the same scale; at or after `dtsTicks`. */
  readonly ptsTicks: number;
}

/** A looped source of access units. It begins with a keyframe. */
export interface Clip {
  readonly path: string;
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  /** Pictures per second, the mean over the clip. */
  readonly fps: number;
  readonly units: readonly AccessUnit[];
  /** SPS and PPS NAL units without start codes, in that order. */
  readonly parameterSets: readonly Buffer[];
  /** Distance between the first unit of one round and of the next, in 90 kHz ticks. */
  readonly periodTicks: number;
  /** Largest `ptsTicks - dtsTicks`: 0 means that there are no B-frames. */
  readonly reorderTicks: number;
  /** Sum of all packets. */
  readonly bytes: number;
}

/** Codes of the errors of {@link loadClip}. */
export type ClipErrorCode = 'clip_not_found' | 'clip_unreadable' | 'clip_no_h264' | 'clip_too_large';

/** A packet as the file has it. */
interface RawPacket {
  readonly data: Buffer;
  readonly pts: bigint;
  readonly dts: bigint;
  readonly duration: bigint;
  readonly keyframe: boolean;
}

interface RawTrack {
  readonly packets: readonly RawPacket[];
  readonly extradata: Buffer;
  /** Ticks of the file's time base are multiplied by this. */
  readonly ticksPerUnit: number;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

const NO_TIME = -(2n ** 63n);

/**
 * Reads all H.264 packets of the first H.264 track of a file (MP4, MOV, Matroska, MPEG-TS) into memory. No native object
 * outlives the call.
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
    `${path} cannot be read as a video (${found}): an intact file with an H.264 track is needed`,
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
  const stream = findH264(context.streams, path);
  const { packets, bytes } = await readPackets(context, stream.index, path, maxBytes);
  const { num, den } = stream.timeBase;
  return {
    packets,
    bytes,
    extradata: Buffer.from(stream.codecpar.extradata ?? Buffer.alloc(0)),
    ticksPerUnit: (TICKS_PER_SECOND * num) / den,
    width: stream.codecpar.width,
    height: stream.codecpar.height,
  };
}

function findH264(streams: readonly Stream[], path: string): Stream {
  const found = streams.find((stream) => stream.codecpar.codecId === AV_CODEC_ID_H264);
  if (found) return found;
  const tracks = streams.map((stream) => {
    const kind = stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO ? 'video' : 'other';
    return `${avGetCodecName(stream.codecpar.codecId) ?? 'unknown'} (${kind})`;
  });
  const listed = tracks.length > 0 ? tracks.join(', ') : 'no track at all';
  throw fail('clip_no_h264', `${path} has no H.264 track (found: ${listed}): only H.264 can be played`, path);
}

async function readPackets(
  context: FormatContext,
  streamIndex: number,
  path: string,
  maxBytes: number,
): Promise<{ packets: RawPacket[]; bytes: number }> {
  const packets: RawPacket[] = [];
  let bytes = 0;
  const packet = new Packet();
  packet.alloc();
  try {
    for (;;) {
      const result = await context.readFrame(packet);
      if (result === AVERROR_EOF) return { packets, bytes };
      if (result < 0) throw unreadable(path, FFmpegError.strerror(result));
      if (packet.streamIndex === streamIndex && packet.size > 0) {
        bytes += packet.size;
        if (bytes > maxBytes) throw tooLarge(path, maxBytes);
        packets.push(copyPacket(packet));
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
    `${path} holds more than ${maxBytes} bytes of H.264: at most that many are kept in memory`,
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
  const { lengthBytes, fromHeader } = readExtradata(path, track.extradata);
  const all = track.packets.map((packet) => splitPacket(path, packet.data, lengthBytes));
  // A session begins with a keyframe, so the clip does; what is in front of its first one cannot be shown.
  const firstKey = track.packets.findIndex((packet) => packet.keyframe);
  if (firstKey < 0) throw unreadable(path, 'no keyframe in its H.264 track');
  const packets = track.packets.slice(firstKey);
  const split = all.slice(firstKey);
  const parameterSets = fromHeader.length > 0 ? fromHeader : (split[0] ?? []).filter(isParameterSet);
  if (parameterSets.length < 2) throw unreadable(path, 'its H.264 track has no SPS and PPS');
  const times = timesOf(packets, track.ticksPerUnit);
  const units = split.map((nals, index): AccessUnit => {
    const { dtsTicks, ptsTicks } = times[index] as UnitTime;
    const kept = nals.filter((nal) => nalType(nal) !== NAL_AUD && !parameterSets.some((set) => set.equals(nal)));
    return { index, nals: kept, keyframe: (packets[index] as RawPacket).keyframe, dtsTicks, ptsTicks };
  });
  const { width, height, bytes } = track;
  const periodTicks = periodOf(times, Math.round(Number(packets.at(-1)?.duration ?? 0n) * track.ticksPerUnit));
  const reorderTicks = Math.max(...times.map((time) => time.ptsTicks - time.dtsTicks));
  const fps = (units.length * TICKS_PER_SECOND) / periodTicks;
  return { path, codec: 'h264', width, height, fps, units, parameterSets, periodTicks, reorderTicks, bytes };
}

function isParameterSet(nal: Buffer): boolean {
  return nalType(nal) === NAL_SPS || nalType(nal) === NAL_PPS;
}

function splitPacket(path: string, data: Buffer, lengthBytes: number | undefined): Buffer[] {
  const nals = lengthBytes === undefined ? splitAnnexB(data) : splitLengthPrefixed(data, lengthBytes);
  if (!nals || nals.length === 0) throw unreadable(path, 'a packet is not made of whole NAL units');
  return nals;
}

/** avcC (ISO/IEC 14496-15 5.3.3.1) names the size of the lengths; anything else is Annex B with start codes. */
function readExtradata(path: string, extradata: Buffer): { lengthBytes: number | undefined; fromHeader: Buffer[] } {
  if (extradata[0] !== 1) return { lengthBytes: undefined, fromHeader: splitAnnexB(extradata).filter(isParameterSet) };
  const fromHeader: Buffer[] = [];
  let at = 5;
  // First the SPS, whose count is in the low 5 bits, then the PPS.
  for (const mask of [0x1f, 0xff]) {
    const count = (extradata[at] ?? 0) & mask;
    at += 1;
    for (let i = 0; i < count; i += 1) {
      if (at + 2 > extradata.byteLength) throw unreadable(path, 'its avcC header is cut off');
      const end = at + 2 + extradata.readUInt16BE(at);
      fromHeader.push(extradata.subarray(at + 2, end));
      at = end;
    }
  }
  if (at > extradata.byteLength) throw unreadable(path, 'its avcC header is cut off');
  return { lengthBytes: ((extradata[4] ?? 0) & 3) + 1, fromHeader };
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
    // A file may have no time for a packet, or one that goes back: the camera still sends in order.
    previous = Math.max(previous, dtsOf(packet) === NO_TIME ? previous : ticks(dtsOf(packet)));
    const ptsTicks = packet.pts === NO_TIME ? previous : Math.max(previous, ticks(packet.pts));
    return { dtsTicks: previous, ptsTicks };
  });
}

/** Long enough that neither sending nor showing times overlap with the next round's. */
function periodOf(times: readonly UnitTime[], lastDurationTicks: number): number {
  const lastDts = (times.at(-1) as UnitTime).dtsTicks;
  const mean = times.length > 1 ? lastDts / (times.length - 1) : TICKS_PER_SECOND / 10;
  const step = Math.max(1, lastDurationTicks > 0 ? lastDurationTicks : Math.round(mean));
  const pts = times.map((time) => time.ptsTicks);
  return Math.max(lastDts, Math.max(...pts) - Math.min(...pts)) + step;
}
