import { VigiaError } from '@vigia/base';
import { AAC_SAMPLES, type Clip, type ClipAudio } from './clip.ts';
import { aLaw, muLaw } from './companding.ts';

/** Sounds of a camera. */
export type AudioEncoding = 'pcma' | 'pcmu' | 'aac';

/** Endless sound. */
export interface AudioSource {
  readonly encoding: AudioEncoding;
  readonly payloadType: number;
  /** Samples per second: the RTP clock. */
  readonly clockRate: number;
  /** After the payload type in `a=rtpmap`. */
  readonly map: string;
  /** After the payload type in `a=fmtp`. */
  readonly parameters?: string;
  /** Samples between two units. */
  readonly samplesPerUnit: number;
  /** Whether every unit ends with the marker bit; otherwise only the very first packet has it. */
  readonly marksUnits: boolean;
  /** RTP payloads of the unit with this number, from 0. Read-only. */
  readonly payloads: (unit: number, maxBytes: number) => readonly Buffer[];
}

/** Dynamic RTP payload type of AAC. */
const AAC_PAYLOAD_TYPE = 97;
const PCM_RATE = 8000;
const PCM_SAMPLES = 160;
const TONE_HZ = 440;
const AMPLITUDE = 8000;

/**
 * The sound of a camera: a tone of 440 Hz, or the clip's AAC track.
 *
 * @throws VigiaError `bad_option` when the clip has none.
 */
export function createAudio(encoding: AudioEncoding, clip: Clip): AudioSource {
  if (encoding !== 'aac') return tone(encoding);
  if (clip.audio) return aac(clip.audio);
  const message = `audio is aac, but ${clip.path} has no AAC track that can be sent: an MP4 or Matroska file with one is needed`;
  throw new VigiaError('bad_option', message, { path: 'audio' });
}

function tone(encoding: 'pcma' | 'pcmu'): AudioSource {
  const compand = encoding === 'pcma' ? aLaw : muLaw;
  // One second contains whole periods, so it can be repeated.
  const second = Buffer.from(
    Array.from({ length: PCM_RATE }, (_, i) =>
      compand(Math.round(AMPLITUDE * Math.sin((2 * Math.PI * TONE_HZ * i) / PCM_RATE))),
    ),
  );
  const units = PCM_RATE / PCM_SAMPLES;
  return {
    encoding,
    payloadType: encoding === 'pcma' ? 8 : 0,
    clockRate: PCM_RATE,
    map: `${encoding.toUpperCase()}/${PCM_RATE}`,
    samplesPerUnit: PCM_SAMPLES,
    marksUnits: false,
    payloads: (unit) => [second.subarray((unit % units) * PCM_SAMPLES, ((unit % units) + 1) * PCM_SAMPLES)],
  };
}

function aac({ sampleRate, channels, config, units }: ClipAudio): AudioSource {
  const mode = 'streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3';
  return {
    encoding: 'aac',
    payloadType: AAC_PAYLOAD_TYPE,
    clockRate: sampleRate,
    map: `MPEG4-GENERIC/${sampleRate}/${channels}`,
    parameters: `${mode};config=${config.toString('hex').toUpperCase()}`,
    samplesPerUnit: AAC_SAMPLES,
    marksUnits: true,
    payloads: (unit, maxBytes) => hbrPayloads(units[unit % units.length] as Buffer, maxBytes),
  };
}

const HBR_HEADER_BYTES = 4;

/** RFC 3640 3.3.6: one access unit in one packet, or in fragments that all carry the total size. */
function hbrPayloads(unit: Buffer, maxBytes: number): Buffer[] {
  const header = Buffer.alloc(HBR_HEADER_BYTES);
  header.writeUInt16BE(16, 0); // bits of the one AU header that follows: size in 13, index in 3
  header.writeUInt16BE((unit.byteLength << 3) & 0xffff, 2);
  const chunk = maxBytes - HBR_HEADER_BYTES;
  const count = Math.max(1, Math.ceil(unit.byteLength / chunk));
  return Array.from({ length: count }, (_, i) => Buffer.concat([header, unit.subarray(i * chunk, (i + 1) * chunk)]));
}
