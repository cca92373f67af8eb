import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { systemClock } from '@vigia/base';
import { FrameSegmentWriter } from '@vigia/frame-supplier';
import { rgbShape } from '../shm.ts';

/** Pixels per side of every valid frame. */
export const SIDE = 8;
/** Its colour, each channel. */
export const GREY = 100;
/** Slots of the segment. */
export const SLOTS = 4;
const BYTES = SIDE * SIDE * 3;

/** Files for requests. `remove` deletes them. */
export class FuzzFiles {
  readonly #prefix: string;
  readonly #segment: FrameSegmentWriter;
  readonly generation: number;
  #spoiled = 0;

  /** @param prefix Of all names, in /dev/shm. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    writeFileSync(this.plain, Buffer.alloc(BYTES, GREY));
    for (const [name, bytes] of [
      ['short', BYTES - 1],
      ['long', BYTES + 1],
      ['empty', 0],
    ] as const)
      writeFileSync(this.path(name), Buffer.alloc(bytes));
    symlinkSync('/etc/passwd', this.path('link-out'));
    symlinkSync('/etc/nothing-is-here', this.path('link-nowhere'));
    symlinkSync('/etc', this.path('link-folder'));
    symlinkSync(this.path('loop'), this.path('loop'));
    mkdirSync(this.path('folder'));
    execFileSync('mkfifo', [this.path('fifo')]);
    this.#segment = FrameSegmentWriter.create({
      path: this.path('ring'),
      slots: SLOTS,
      slotBytes: BYTES,
      clock: systemClock,
    });
    this.#segment.begin(1);
    this.#segment.view(1).fill(GREY);
    const stamp = { frameId: 7, capturedMs: 1, capturedWallMs: 0, ptsUs: 0, shape: rgbShape(SIDE, SIDE) };
    this.generation = this.#segment.commit(1, stamp);
    // Another one stays half-written.
    this.#segment.begin(2);
  }

  /** A valid plain file. */
  get plain(): string {
    return this.path('plain');
  }

  /** A segment with one whole slot, number 1. */
  get ring(): string {
    return this.path('ring');
  }

  get epoch(): bigint {
    return this.#segment.epoch;
  }

  path(name: string): string {
    return this.#prefix + name;
  }

  /** The segment with some bytes changed by `spoil`, in a separate file that replaces the previous one. */
  spoiledSegment(spoil: (bytes: Buffer) => Buffer): string {
    const bytes = spoil(readFileSync(this.ring));
    // Never truncated in place: a process that still maps it would die, as the protocol page states.
    if (this.#spoiled > 0) unlinkSync(this.path(`spoiled-${this.#spoiled}`));
    this.#spoiled += 1;
    const path = this.path(`spoiled-${this.#spoiled}`);
    writeFileSync(path, bytes);
    return path;
  }

  remove(): void {
    this.#segment.close();
    const names = [
      'plain',
      'short',
      'long',
      'empty',
      'link-out',
      'link-nowhere',
      'link-folder',
      'loop',
      'folder',
      'fifo',
    ];
    for (const name of [...names, `spoiled-${this.#spoiled}`])
      rmSync(this.path(name), { recursive: true, force: true });
  }
}
