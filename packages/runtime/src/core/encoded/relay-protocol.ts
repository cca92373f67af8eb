import { encodeFrame, LENGTH_BYTES } from '@vigia/base';
import { z } from 'zod';
import { type AudioUnit, SOURCE_REASONS, type SourceFormat, type SourceReason } from '#core/media';
import type { TappedVideo } from './encoded-tap.ts';

/** First byte of a message: what follows. */
const LINE = 0;
const UNIT = 1;
const SOUND = 2;
/** Type, flags, four times, what was lost, the recovery point. Bytes. */
const UNIT_HEAD = 1 + 1 + 4 * 8 + 4 + 2 + 2;
/** Type, two times. Bytes. */
const SOUND_HEAD = 1 + 2 * 8;
/** Largest unit of sound: what one packet of RTP can hold. Bytes. */
const SOUND_LIMIT = 65_535;
/** Largest message: the largest access unit of any source, and its head. Bytes. */
export const RELAY_MESSAGE_LIMIT: number = 64 * 1024 * 1024;
const BASE64_LIMIT = 1024 * 1024;
const COUNT_LIMIT = 65_535;

const KEYFRAME = 1;
const DAMAGED = 2;
const AFTER_LOSS = 4;
const NO_REFERENCE = 8;
const UNPROVED = 16;
const REPEATED = 32;
const RECOVERY = 64;

/** A line of JSON from the process that holds the connection. */
export type RelayLine =
  | { readonly type: 'connecting' }
  | { readonly type: 'format'; readonly format: SourceFormat }
  /** There is no connection. `retryInMs`: when the next one is tried; null: never. */
  | {
      readonly type: 'down';
      /** Rises with each failure. */
      readonly n: number;
      readonly reason: SourceReason;
      readonly message: string;
      readonly retryInMs: number | null;
    };
/** A line of JSON to it. */
export type RelayWish =
  /** No picture can be used: another connection should be made. */
  | { readonly type: 'reconnect'; readonly message: string }
  /** Whether pictures are wanted now. As long as they are not, units may come in bunches. */
  | { readonly type: 'demand'; readonly wanted: boolean }
  /** Whether sound is wanted. Until the first such line it is not. */
  | { readonly type: 'sound'; readonly wanted: boolean };

const bytes = z
  .string()
  .max(BASE64_LIMIT)
  .transform((text) => Buffer.from(text, 'base64'))
  .nullable();
const short = z.string().max(1_000);
const size = z.int().min(1).max(65_535);
const formatSchema = z.strictObject({
  kind: short,
  transport: short,
  codec: short,
  extradata: bytes,
  raw: z.strictObject({ width: size, height: size, pixelFormat: z.int() }).nullable(),
  audio: z
    .strictObject({
      codec: z.enum(['pcma', 'pcmu', 'aac']),
      sampleRate: z.int().min(1).max(1_000_000),
      channels: z.int().min(1).max(64),
      config: bytes,
    })
    .nullable(),
  live: z.boolean(),
});
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('connecting') }),
  z.strictObject({ type: z.literal('format'), format: formatSchema }),
  z.strictObject({
    type: z.literal('down'),
    n: z.int().min(0),
    reason: z.enum(SOURCE_REASONS),
    message: z.string().max(4_096),
    retryInMs: z.number().min(0).nullable(),
  }),
]);
const wishSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('reconnect'), message: z.string().max(4_096) }),
  z.strictObject({ type: z.literal('demand'), wanted: z.boolean() }),
  z.strictObject({ type: z.literal('sound'), wanted: z.boolean() }),
]);

/** What a message holds. */
export type RelayMessage =
  | { readonly line: RelayLine }
  | {
      /** Its data shares the memory of the message. */
      readonly unit: TappedVideo;
      /** Packets that the connection has lost so far. */
      readonly lostPackets: number;
    }
  /** Its data shares the memory of the message. */
  | { readonly sound: AudioUnit };

/** A line as a message. */
export function encodeLine(line: RelayLine | RelayWish): Buffer {
  const json = line.type === 'format' ? { type: 'format', format: formatJson(line.format) } : line;
  return encodeFrame(Buffer.concat([Buffer.of(LINE), Buffer.from(JSON.stringify(json))]));
}

/** The length of a unit's message and its head. The unit's data follows: it is not copied. */
export function encodeUnitHead(unit: TappedVideo, lostPackets: number): Buffer {
  const head = Buffer.allocUnsafe(LENGTH_BYTES + UNIT_HEAD);
  let at = head.writeUInt32BE(UNIT_HEAD + unit.data.byteLength, 0);
  at = head.writeUInt8(UNIT, at);
  at = head.writeUInt8(flagsOf(unit), at);
  for (const time of [unit.ptsMs, unit.arrivedMs, unit.latenessMs, unit.hiddenMs]) at = head.writeDoubleBE(time, at);
  at = head.writeUInt32BE(Math.min(lostPackets, 0xff_ff_ff_ff), at);
  at = head.writeUInt16BE(Math.min(unit.recovery?.references ?? 0, COUNT_LIMIT), at);
  head.writeUInt16BE(Math.min(unit.recovery?.pictures ?? 0, COUNT_LIMIT), at);
  return head;
}

/** The length of a message of sound and its head; undefined for a unit that no message can hold. The unit's data follows. */
export function encodeSoundHead({ data, ptsMs, arrivedMs }: AudioUnit): Buffer | undefined {
  if (data.byteLength === 0 || data.byteLength > SOUND_LIMIT) return undefined;
  const head = Buffer.allocUnsafe(LENGTH_BYTES + SOUND_HEAD);
  let at = head.writeUInt32BE(SOUND_HEAD + data.byteLength, 0);
  at = head.writeUInt8(SOUND, at);
  at = head.writeDoubleBE(ptsMs, at);
  head.writeDoubleBE(arrivedMs, at);
  return head;
}

/** What a message of the process that holds the connection says; undefined when it does not follow the protocol. */
export function decodeRelayed(message: Buffer): RelayMessage | undefined {
  if (message[0] === LINE) {
    const line = lineSchema.safeParse(parsed(message)).data;
    return line && { line: line.type === 'format' ? { type: 'format', format: formatOf(line.format) } : line };
  }
  if (message[0] === SOUND) return decodeSound(message);
  return message[0] === UNIT && message.byteLength > UNIT_HEAD ? decodeUnit(message) : undefined;
}

/** What a message of the other end asks for; undefined when it does not follow the protocol. */
export function decodeWish(message: Buffer): RelayWish | undefined {
  return message[0] === LINE ? wishSchema.safeParse(parsed(message)).data : undefined;
}

function decodeSound(message: Buffer): RelayMessage | undefined {
  const length = message.byteLength - SOUND_HEAD;
  if (length <= 0 || length > SOUND_LIMIT) return undefined;
  const [ptsMs, arrivedMs] = [message.readDoubleBE(1), message.readDoubleBE(1 + 8)];
  if (!Number.isFinite(ptsMs) || !Number.isFinite(arrivedMs)) return undefined;
  return { sound: { data: message.subarray(SOUND_HEAD), ptsMs, arrivedMs } };
}

function decodeUnit(message: Buffer): RelayMessage | undefined {
  const flags = message.readUInt8(1);
  const time = (index: number): number => message.readDoubleBE(2 + 8 * index);
  const [ptsMs, arrivedMs, latenessMs, hiddenMs] = [time(0), time(1), time(2), time(3)];
  if (![ptsMs, arrivedMs, latenessMs].every(Number.isFinite) || !(hiddenMs >= 0)) return undefined;
  const references = message.readUInt16BE(UNIT_HEAD - 4);
  const recovery = flags & RECOVERY ? { references, pictures: message.readUInt16BE(UNIT_HEAD - 2) } : undefined;
  const unit: TappedVideo = {
    data: message.subarray(UNIT_HEAD),
    ptsMs,
    arrivedMs,
    latenessMs,
    hiddenMs,
    keyframe: (flags & KEYFRAME) !== 0,
    damaged: (flags & DAMAGED) !== 0,
    afterLoss: (flags & AFTER_LOSS) !== 0,
    reference: (flags & NO_REFERENCE) === 0,
    recovery,
    doubt: flags & UNPROVED ? 'unproved' : flags & REPEATED ? 'repeated' : undefined,
    measured: { latenessMs, hiddenMs },
  };
  return { unit, lostPackets: message.readUInt32BE(UNIT_HEAD - 8) };
}

function flagsOf({ keyframe, damaged, afterLoss, reference = true, doubt, recovery }: TappedVideo): number {
  return (
    (keyframe ? KEYFRAME : 0) |
    (damaged ? DAMAGED : 0) |
    (afterLoss ? AFTER_LOSS : 0) |
    (reference ? 0 : NO_REFERENCE) |
    (doubt === 'unproved' ? UNPROVED : 0) |
    (doubt === 'repeated' ? REPEATED : 0) |
    (recovery ? RECOVERY : 0)
  );
}

function parsed(message: Buffer): unknown {
  try {
    return JSON.parse(message.toString('utf8', 1));
  } catch {
    return undefined;
  }
}

function formatJson({ extradata, raw, audio, ...format }: SourceFormat): z.input<typeof formatSchema> {
  const { kind, transport, codec, live } = format;
  const text = (data: Buffer | undefined): string | null => data?.toString('base64') ?? null;
  return {
    kind,
    transport,
    codec,
    live,
    extradata: text(extradata),
    raw: raw ?? null,
    audio: audio ? { ...audio, config: text(audio.config) } : null,
  };
}

function formatOf({ extradata, raw, audio, ...format }: z.output<typeof formatSchema>): SourceFormat {
  return {
    ...format,
    extradata: extradata ?? undefined,
    raw: raw ?? undefined,
    audio: audio ? { ...audio, config: audio.config ?? undefined } : undefined,
  };
}
