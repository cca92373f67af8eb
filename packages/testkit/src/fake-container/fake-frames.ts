import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { codeOf } from '@vigia/base';
import {
  type ContainerErrorCode,
  FORMAT_CODES,
  type FrameMetadata,
  HEADER,
  type InferRequest,
  type PixelFormat,
  packedFrameBytes,
  SEGMENT_MAGIC,
  SEGMENT_MAX_SLOTS,
  SEGMENT_PAGE_BYTES,
  SEGMENT_VERSION,
  SLOT,
  SLOT_ENTRY_BYTES,
  segmentDataOffset,
} from '@vigia/contracts';
import type { FakeFrame } from './brightness.ts';

/** Why the frame is unavailable. */
export class FakeFrameError extends Error {
  override readonly name = 'FakeFrameError';
  readonly code: ContainerErrorCode;

  constructor(code: ContainerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const LARGEST_BYTES = 64 * 1024 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads frames as the protocol page describes, with plain reads: nothing is mapped. */
export class FakeFrames {
  readonly #roots: readonly string[];

  /** @param extra Allowed besides /dev/shm. */
  constructor(extra: readonly string[]) {
    this.#roots = ['/dev/shm', ...extra].map((root) => `${realpathSync(root)}/`);
  }

  /** A copy of the frame of a request. @throws FakeFrameError. */
  read({ frame_reference: reference, frame_metadata: metadata }: InferRequest): FakeFrame {
    const fd = this.#open(reference);
    try {
      return metadata.slot === undefined ? plainFrame(fd, metadata) : slotFrame(fd, metadata, metadata.slot);
    } finally {
      closeSync(fd);
    }
  }

  #open(reference: string): number {
    if (!isAbsolute(reference) || reference.split('/').includes('..') || reference.includes('\0'))
      throw invalid('an absolute path without ".." is expected');
    if (!this.#contains(resolve(reference))) throw invalid('the reference is outside');
    let fd: number;
    try {
      const path = realpathSync(reference);
      if (!this.#contains(path)) throw invalid('the reference leads outside');
      fd = openSync(path, FLAGS);
    } catch (error) {
      if (error instanceof FakeFrameError) throw error;
      if (codeOf(error) === 'ENOENT' && this.#isAbsent(reference))
        throw new FakeFrameError('frame_not_found', `there is no ${reference}`);
      throw invalid(`${reference} cannot be read: ${codeOf(error)}`);
    }
    if (fstatSync(fd).isFile() && this.#contains(readlinkSync(`/proc/self/fd/${fd}`))) return fd;
    closeSync(fd);
    throw invalid('a regular file is expected');
  }

  /** Whether the file is missing and its path contains no link: the targets of links are not revealed. */
  #isAbsent(reference: string): boolean {
    for (let path = resolve(reference); this.#contains(path); path = dirname(path))
      if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
    return true;
  }

  #contains(path: string): boolean {
    return this.#roots.some((root) => path.startsWith(root) && path !== root);
  }
}

function invalid(why: string): FakeFrameError {
  return new FakeFrameError('frame_invalid', why);
}

function expired(): FakeFrameError {
  return new FakeFrameError('frame_expired', 'the slot holds another frame by now');
}

function plainFrame(fd: number, { width, height, format, strides }: FrameMetadata): FakeFrame {
  const planes = packedPlanes(format, width, height);
  if (strides?.some((stride, i) => stride !== planes[i]?.stride)) throw invalid('packed lines are expected');
  const bytes = packedFrameBytes(format, width, height);
  const there = fstatSync(fd).size;
  if (there !== bytes || bytes > LARGEST_BYTES) throw invalid(`${there} bytes, one packed frame has ${bytes}`);
  return { width, height, format, planes, pixels: readAt(fd, 0, bytes) };
}

function slotFrame(fd: number, said: FrameMetadata, slot: number): FakeFrame {
  if (said.generation === undefined || said.epoch === undefined) throw invalid('a slot needs generation and epoch');
  const generation = BigInt(said.generation);
  const { slots, stride, dataOffset, epoch } = headerOf(fd);
  if (epoch !== BigInt(said.epoch)) throw new FakeFrameError('frame_expired', 'another creation of the segment');
  if (slot >= slots || generation === 0n || generation % 2n === 1n) throw invalid('nothing can be there');
  const at = SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES;
  const entry = readAt(fd, at, SLOT_ENTRY_BYTES);
  if (entry.readBigUInt64LE(SLOT.generation) !== generation) throw expired();
  const length = Math.min(entry.readUInt32LE(SLOT.byteLength), stride);
  const pixels = readAt(fd, dataOffset + slot * stride, length);
  // SYNC F: system calls on either side of this one, so the copy is complete before the second check.
  if (readAt(fd, at, SLOT_ENTRY_BYTES).readBigUInt64LE(SLOT.generation) !== generation) throw expired();
  const frame = frameOf(entry, pixels);
  const { width, height, format, planes } = frame;
  const right =
    [width, height, format, Number(entry.readBigUInt64LE(SLOT.frameId))].join() ===
      [said.width, said.height, said.format, said.frame_id].join() &&
    !said.strides?.some((bytes, i) => bytes !== planes[i]?.stride);
  if (!right) throw invalid('the slot holds something else than was announced');
  return frame;
}

interface Header {
  readonly slots: number;
  readonly stride: number;
  readonly dataOffset: number;
  readonly epoch: bigint;
}

function headerOf(fd: number): Header {
  const { size } = fstatSync(fd);
  if (size < SEGMENT_PAGE_BYTES) throw invalid('not a frame segment');
  const page = readAt(fd, 0, SEGMENT_PAGE_BYTES);
  const slots = page.readUInt32LE(HEADER.slotCount);
  const stride = Number(page.readBigUInt64LE(HEADER.slotStride));
  const dataOffset = Number(page.readBigUInt64LE(HEADER.dataOffset));
  const right =
    page.toString('latin1', 0, 8) === SEGMENT_MAGIC &&
    page.readUInt32LE(HEADER.version) === SEGMENT_VERSION &&
    slots >= 1 &&
    slots <= SEGMENT_MAX_SLOTS &&
    stride > 0 &&
    stride % SEGMENT_PAGE_BYTES === 0 &&
    dataOffset === segmentDataOffset(slots) &&
    dataOffset + slots * stride <= size;
  if (!right) throw invalid('not a frame segment');
  return { slots, stride, dataOffset, epoch: page.readBigUInt64LE(HEADER.epoch) };
}

function frameOf(entry: Buffer, pixels: Buffer): FakeFrame {
  const code = entry.readUInt32LE(SLOT.format);
  const format = (Object.keys(FORMAT_CODES) as PixelFormat[]).find((name) => FORMAT_CODES[name] === code);
  const [width, height] = [entry.readUInt32LE(SLOT.width), entry.readUInt32LE(SLOT.height)];
  const planes = Array.from({ length: Math.min(3, entry.readUInt32LE(SLOT.planeCount)) }, (_, i) => ({
    offset: entry.readUInt32LE(SLOT.planes + 8 * i),
    stride: entry.readUInt32LE(SLOT.planes + 8 * i + 4),
  }));
  if (!format || planes.length !== packedPlanes(format, width, height).length) throw invalid('not a frame');
  return { width, height, format, planes, pixels };
}

function packedPlanes(format: PixelFormat, width: number, height: number): { offset: number; stride: number }[] {
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  if (format === 'GRAY8') return [{ offset: 0, stride: width }];
  if (format === 'RGB24' || format === 'BGR24') return [{ offset: 0, stride: 3 * width }];
  const luma = { offset: 0, stride: width };
  if (format === 'NV12') return [luma, { offset: width * height, stride: 2 * halfWidth }];
  const second = width * height + halfWidth * halfHeight;
  return [luma, { offset: width * height, stride: halfWidth }, { offset: second, stride: halfWidth }];
}

/** Reads that many bytes; bytes beyond the end read as 0. */
function readAt(fd: number, at: number, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const count = readSync(fd, out, done, bytes - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return out;
}
