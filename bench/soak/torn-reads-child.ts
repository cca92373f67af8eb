/**
 * The writer and the readers of the test of torn reads: `writer PATH SECONDS`, `reader PATH KIND`.
 *
 * The writer fills the slots of a 1080p segment one after the other, at full speed. The readers have no seats, so only
 * the generation protects them: `view` reads the pixels in place, `copy` copies first, `dawdler` reads half of a
 * picture, lets the writer pass, and continues.
 */
import { codeOf, sleep, systemClock } from '@vigia/base';
import { FrameSegmentReader, FrameSegmentWriter } from '@vigia/frame-supplier';
import { BYTES_1080P, isWhole, stamp1080p } from './shm.ts';

const SLOTS = 4;

/** Findings of a reader. */
export interface TornCounts {
  accepted: number;
  expired: number;
  torn: number;
  backwards: number;
}

function write(path: string, seconds: number): void {
  const writer = FrameSegmentWriter.create({ path, slots: SLOTS, slotBytes: BYTES_1080P, clock: systemClock });
  process.stdout.write('{"writing":true}\n');
  const endMs = systemClock.nowMs() + seconds * 1000;
  let frameId = 0;
  while (systemClock.nowMs() < endMs) {
    frameId += 1;
    const slot = frameId % SLOTS;
    writer.begin(slot);
    writer.view(slot).fill(frameId & 255);
    writer.commit(slot, stamp1080p(frameId));
    writer.announce(slot, frameId);
    writer.announce(slot, frameId);
  }
  writer.close();
  process.stdout.write(`${JSON.stringify({ frames: frameId })}\n`);
}

type Kind = 'view' | 'copy' | 'dawdler';

class Reader {
  readonly #segment: FrameSegmentReader;
  readonly #kind: Kind;
  readonly #copy = new Uint8Array(BYTES_1080P);
  readonly counts: TornCounts = { accepted: 0, expired: 0, torn: 0, backwards: 0 };
  #lastAccepted = 0;

  constructor(segment: FrameSegmentReader, kind: Kind) {
    this.#segment = segment;
    this.#kind = kind;
  }

  async run(): Promise<void> {
    for (let turn = 0; this.#segment.live; turn += 1) {
      const head = this.#segment.head();
      if (head && head.frameId !== this.#lastAccepted) await this.#read(head.frameId, head.slot);
      // Other processes need the core too.
      if (turn % 64 === 0) await sleep(systemClock, 0);
    }
  }

  async #read(frameId: number, slot: number): Promise<void> {
    const generation = this.#segment.generation(slot);
    const outcome = await this.#look(slot, generation);
    if (outcome === 'expired') {
      this.counts.expired += 1;
      return;
    }
    this.counts.accepted += 1;
    // The slot may hold a newer frame than `head` by the time its generation was read.
    if (outcome.frameId < this.#lastAccepted || outcome.frameId < frameId) this.counts.backwards += 1;
    this.#lastAccepted = outcome.frameId;
    if (!outcome.whole) this.counts.torn += 1;
  }

  async #look(slot: number, generation: number): Promise<'expired' | { frameId: number; whole: boolean }> {
    const view = this.#segment.view(slot, generation);
    if (!view) return 'expired';
    let whole: boolean;
    if (this.#kind === 'copy') {
      if (this.#segment.read(slot, generation, this.#copy) !== 'ok') return 'expired';
      return { frameId: view.frameId, whole: isWhole(this.#copy, view.frameId) };
    }
    if (this.#kind === 'dawdler') {
      const half = view.pixels.length / 2;
      whole = isWhole(view.pixels.subarray(0, half), view.frameId);
      await sleep(systemClock, 1);
      whole = isWhole(view.pixels.subarray(half), view.frameId) && whole;
    } else whole = isWhole(view.pixels, view.frameId);
    return this.#segment.holds(slot, generation) ? { frameId: view.frameId, whole } : 'expired';
  }
}

async function open(path: string): Promise<FrameSegmentReader> {
  for (;;) {
    try {
      return FrameSegmentReader.open(path);
    } catch (error) {
      if (codeOf(error) !== 'frame_not_found') throw error;
      await sleep(systemClock, 5);
    }
  }
}

const [role, path = '', argument = ''] = process.argv.slice(2);
if (role === 'writer') write(path, Number(argument));
else {
  const segment = await open(path);
  const reader = new Reader(segment, argument as Kind);
  process.stdout.write('{"reading":true}\n');
  await reader.run();
  process.stdout.write(`${JSON.stringify(reader.counts)}\n`);
}
