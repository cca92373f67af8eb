/**
 * The writer and the reader of the test of killed writers: `writer PATH`, `reader PATH`.
 *
 * The writer waits for a word, then creates a 1080p segment and fills its slots one after the other, endlessly and at
 * full speed; it prints its epoch once the first frame is whole. The reader survives any number of such segments of the
 * same path: it follows the newest frame of the current one, and prints each epoch of which it got a frame. It prints
 * its findings when its input ends.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { codeOf, sleep, systemClock } from '@vigia/base';
import { FrameSegmentReader, FrameSegmentWriter } from '@vigia/frame-supplier';
import { BYTES_1080P, isWhole, stamp1080p } from './shm.ts';

const SLOTS = 4;
/** From then on its input is read. */
const READS_PER_TURN = 64;

/** Findings of the reader. */
export interface FollowCounts {
  /** Segments of which it got a frame. */
  segments: number;
  accepted: number;
  expired: number;
  torn: number;
  backwards: number;
}

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function write(path: string): Promise<void> {
  await once(process.stdin, 'data');
  const parent = process.ppid;
  const writer = FrameSegmentWriter.create({ path, slots: SLOTS, slotBytes: BYTES_1080P, clock: systemClock });
  // The process that kills it may die first; nothing else would end it.
  for (let frameId = 1; process.ppid === parent; frameId += 1) {
    const slot = frameId % SLOTS;
    writer.begin(slot);
    writer.view(slot).fill(frameId & 255);
    writer.commit(slot, stamp1080p(frameId));
    writer.announce(slot, frameId);
    writer.announce(slot, frameId);
    if (frameId === 1) say({ epoch: String(writer.epoch) });
  }
  writer.close();
}

/** Follows the newest frame of the current segment of the path. */
class Follower {
  readonly counts: FollowCounts = { segments: 0, accepted: 0, expired: 0, torn: 0, backwards: 0 };
  readonly #path: string;
  #segment: FrameSegmentReader | undefined;
  #inode = 0;
  /** Of the current segment; 0: no frame of it was accepted yet. */
  #newest = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async follow(ended: () => boolean): Promise<void> {
    while (!ended()) {
      for (let i = 0; i < READS_PER_TURN && this.#read(); i += 1);
      this.#look();
      await sleep(systemClock, 1);
    }
    this.#segment?.close();
  }

  /** Reads the newest frame. False when there is no new one. */
  #read(): boolean {
    const segment = this.#segment;
    const head = segment?.head();
    if (!segment || !head || head.frameId === this.#newest) return false;
    const generation = segment.generation(head.slot);
    const view = segment.view(head.slot, generation);
    const whole = view !== undefined && isWhole(view.pixels, view.frameId);
    if (!view || !segment.holds(head.slot, generation)) {
      this.counts.expired += 1;
      return true;
    }
    if (this.#newest === 0) this.#firstOf(segment);
    this.counts.accepted += 1;
    if (!whole) this.counts.torn += 1;
    // The slot may hold a newer frame than `head` by the time its generation was read.
    if (view.frameId < this.#newest || view.frameId < head.frameId) this.counts.backwards += 1;
    this.#newest = view.frameId;
    return true;
  }

  #firstOf(segment: FrameSegmentReader): void {
    this.counts.segments += 1;
    say({ epoch: String(segment.epoch) });
  }

  /** Switches to the successor, if there is one: another file of the same name. */
  #look(): void {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino ?? 0;
    if (inode === 0 || inode === this.#inode) return;
    const segment = openFinished(this.#path);
    if (!segment) return;
    this.#segment?.close();
    this.#segment = segment;
    this.#inode = inode;
    this.#newest = 0;
  }
}

/** The segment, unless it was removed or is just being created. */
function openFinished(path: string): FrameSegmentReader | undefined {
  try {
    return FrameSegmentReader.open(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'frame_not_found' || code === 'frame_invalid') return undefined;
    throw error;
  }
}

async function read(path: string): Promise<void> {
  let ended = false;
  process.stdin.resume().on('end', () => (ended = true));
  const follower = new Follower(path);
  say({ reading: true });
  await follower.follow(() => ended);
  say({ ...follower.counts });
}

const [role, path = ''] = process.argv.slice(2);
await (role === 'writer' ? write(path) : read(path));
