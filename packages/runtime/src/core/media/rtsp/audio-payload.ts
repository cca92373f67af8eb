import type { AudioFormat } from '#core/media';
import type { SdpMedia } from './sdp.ts';

/** Static payload types of RFC 3551: mono, 8,000 samples per second. */
const STATIC: Readonly<Record<number, 'pcmu' | 'pcma'>> = { 0: 'pcmu', 8: 'pcma' };

/** The audio format of a track; undefined when it is not supported. */
export function audioFormatOf(media: SdpMedia): AudioFormat | undefined {
  const { encoding, payloadType, fmtp, clockRate, channels } = media;
  const plain = encoding === 'PCMA' ? 'pcma' : encoding === 'PCMU' ? 'pcmu' : encoding === '' && STATIC[payloadType];
  if (plain) {
    const sampleRate = encoding === '' ? 8_000 : clockRate;
    return { codec: plain, sampleRate, channels, config: undefined };
  }
  const config = Buffer.from(/^[0-9a-f]*/i.exec(fmtp.get('config') ?? '')?.[0] ?? '', 'hex');
  // Cameras send AAC-hbr with its usual field sizes (RFC 3640, 3.3.6).
  const usual = (fmtp.get('sizelength') ?? '13') === '13' && (fmtp.get('indexlength') ?? '3') === '3';
  if (encoding !== 'MPEG4-GENERIC' || !usual || config.byteLength < 2) return undefined;
  return { codec: 'aac', sampleRate: clockRate, channels, config };
}

/** Samples of one AAC frame. */
const AAC_FRAME = 1024;

/**
 * Splits an RTP payload into audio units: PCM is one unit, AAC as many frames as its headers announce (RFC 3640, 3.2).
 * A malformed payload gives none.
 *
 * @param onPiece Receives each unit and its offset from the payload's time stamp, in ticks.
 */
export function readAudioPayload(
  format: AudioFormat,
  packet: Buffer,
  start: number,
  end: number,
  onPiece: (data: Buffer, afterTicks: number) => void,
): void {
  if (format.codec !== 'aac') {
    if (end > start) onPiece(packet.subarray(start, end), 0);
    return;
  }
  if (end - start < 4) return;
  const count = packet.readUInt16BE(start) / 16;
  let at = start + 2 + count * 2;
  for (let i = 0; Number.isInteger(count) && i < count; i += 1) {
    if (start + 4 + i * 2 > end) return;
    const size = packet.readUInt16BE(start + 2 + i * 2) >> 3;
    if (size === 0 || at + size > end) return;
    onPiece(packet.subarray(at, at + size), i * AAC_FRAME);
    at += size;
  }
}
