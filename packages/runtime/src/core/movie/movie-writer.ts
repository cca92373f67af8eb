import { VigiaError } from '@vigia/base';
import {
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_PCM_ALAW,
  AV_CODEC_ID_PCM_MULAW,
  AV_LOG_QUIET,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { Dictionary, FormatContext, IOContext, Log, Packet, Rational, type Stream } from 'node-av/lib';
import type { AudioFormat } from '#core/media';
import type { VideoShape } from './parameter-sets.ts';

// libav would write to stderr. Errors that matter are return values.
Log.setLevel(AV_LOG_QUIET);

/** Ticks per second of video. */
export const VIDEO_TIMESCALE: number = 90_000;
const IO_BYTES = 64 * 1024;
/** Fragments are cut when we say so, the `moov` comes first, and nothing is written at the end. */
const FLAGS = 'frag_custom+empty_moov+default_base_moof+skip_trailer';
const AUDIO_CODECS = { aac: AV_CODEC_ID_AAC, pcma: AV_CODEC_ID_PCM_ALAW, pcmu: AV_CODEC_ID_PCM_MULAW };
const VIDEO = 0;
const AUDIO = 1;

/** A sample of a track. Times in ticks of the track. */
export interface Sample {
  /** Read until the call returns. */
  readonly data: Buffer;
  readonly shown: number;
  readonly decoded: number;
  readonly duration: number;
  readonly keyframe: boolean;
}

/**
 * A fragmented MP4, made by libavformat in memory: nothing is encoded, and no codec is opened. What it makes is taken with
 * `take`, and written by the caller. G.711 requires the QuickTime brand; MP4 does not define it.
 */
export class MovieWriter {
  readonly #format = new FormatContext();
  readonly #io = new IOContext();
  readonly #packet = new Packet();
  #parts: Buffer[] = [];
  #samples = 0;
  #closed = false;

  /** Writes the beginning. @throws VigiaError `muxer` when libav refuses the stream. */
  constructor(video: VideoShape, audio: AudioFormat | undefined) {
    try {
      this.#open(video, audio);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Adds a picture in Annex B. @throws VigiaError `muxer` */
  video(sample: Sample): void {
    this.#write(VIDEO, sample);
  }

  /** @throws VigiaError `muxer` */
  audio(sample: Sample): void {
    this.#write(AUDIO, sample);
  }

  /**
   * The next fragment begins at the time of its first sample. Otherwise libav places it behind the end of the one before, and
   * forgets when a sample is shown that would be decoded earlier.
   */
  discontinuous(): void {
    checked(this.#format.setOption('movflags', '+frag_discont'), 'a pause');
  }

  /** Ends the fragment, and returns what was made since the last call. */
  take(): Buffer {
    if (this.#samples > 0) checked(this.#format.writeFrameSync(null), 'a fragment');
    this.#samples = 0;
    this.#io.flushSync();
    const made = Buffer.concat(this.#parts);
    this.#parts = [];
    return made;
  }

  /** Frees what libav holds. What was not taken is lost. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packet.free();
    this.#format.pb = null;
    this.#format.freeContext();
    this.#io.freeContext();
  }

  #open(video: VideoShape, audio: AudioFormat | undefined): void {
    const brand = audio && audio.codec !== 'aac' ? 'mov' : 'mp4';
    checked(this.#format.allocOutputContext2(null, brand, null), 'a muxer');
    this.#packet.alloc();
    this.#io.allocContextWithCallbacks(IO_BYTES, 1, null, (data) => this.#keep(data), null);
    this.#format.pb = this.#io;
    this.#addVideo(this.#format.newStream(null), video);
    if (audio) this.#addAudio(this.#format.newStream(null), audio);
    const options = Dictionary.fromObject({ movflags: FLAGS, video_track_timescale: String(VIDEO_TIMESCALE) });
    checked(this.#format.writeHeaderSync(options), 'the beginning of a file');
    options.free();
  }

  #keep(data: Buffer): number {
    // The memory is libav's.
    this.#parts.push(Buffer.from(data));
    return data.byteLength;
  }

  #addVideo(stream: Stream, { codec, sets, width, height }: VideoShape): void {
    const { codecpar } = stream;
    codecpar.codecType = AVMEDIA_TYPE_VIDEO;
    codecpar.codecId = codec === 'h264' ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC;
    // The only tag of H.265 that all players know.
    codecpar.codecTag = codec === 'h264' ? 0 : 'hvc1';
    codecpar.width = width;
    codecpar.height = height;
    codecpar.extradata = sets;
    stream.timeBase = new Rational(1, VIDEO_TIMESCALE);
  }

  #addAudio(stream: Stream, { codec, sampleRate, channels, config }: AudioFormat): void {
    const { codecpar } = stream;
    codecpar.codecType = AVMEDIA_TYPE_AUDIO;
    codecpar.codecId = AUDIO_CODECS[codec];
    codecpar.sampleRate = sampleRate;
    codecpar.channels = channels;
    if (codec === 'aac') codecpar.frameSize = 1024;
    else codecpar.bitsPerCodedSample = 8;
    if (config) codecpar.extradata = config;
    stream.timeBase = new Rational(1, sampleRate);
  }

  #write(track: number, { data, shown, decoded, duration, keyframe }: Sample): void {
    const packet = this.#packet;
    packet.data = data;
    packet.streamIndex = track;
    packet.pts = BigInt(shown);
    packet.dts = BigInt(decoded);
    packet.duration = BigInt(duration);
    packet.isKeyframe = keyframe;
    checked(this.#format.writeFrameSync(packet), track === VIDEO ? 'a picture' : 'sound');
    packet.unref();
    this.#samples += 1;
  }
}

/** @throws VigiaError `muxer` for a negative result of libav. */
function checked(result: number, what: string): void {
  if (result < 0) throw new VigiaError('muxer', `libav cannot write ${what} (error ${result})`);
}
