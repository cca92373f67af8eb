/**
 * The writer and the reader of the proof of killed writers: `writer PATH`, `reader PATH`.
 *
 * The writer waits for a word, then makes a 1080p segment and fills its slots one after the other, as fast as it can and
 * for ever; it tells its epoch once the first frame is whole. The reader lives on through any number of such segments of
 * the same path: it follows the newest frame of whichever is there, and tells each epoch that it got a frame of. It tells
 * what it found when its input ends.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { codeOf, sleep, systemClock } from '@vigia/base';
import { FrameSegmentReader, FrameSegmentWriter } from '@vigia/frame-supplier';
import { BYTES_1080P, isWhole, stamp1080p } from './shm.ts';

const SLOTS = 4;
/** Then its input is listened to. */
const READS_PER_TURN = 64;

/** What the reader found. */
export interface FollowCounts {
  /** Segments that it got a frame of. */
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
  // Whoever kills it may die first; nothing else would end it.
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

/** Follows the newest frame of whichever segment has the path. */
class Follower {
  readonly counts: FollowCounts = { segments: 0, accepted: 0, expired: 0, torn: 0, backwards: 0 };
  readonly #path: string;
  #segment: FrameSegmentReader | undefined;
  #inode = 0;
  /** Of the segment that is followed; 0: no frame of it was accepted yet. */
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

  /** Looks at the newest frame. False when there is none that is new. */
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
    // The slot may hold a newer frame than `head` said by the time its generation was read.
    if (view.frameId < this.#newest || view.frameId < head.frameId) this.counts.backwards += 1;
    this.#newest = view.frameId;
    return true;
  }

  #firstOf(segment: FrameSegmentReader): void {
    this.counts.segments += 1;
    say({ epoch: String(segment.epoch) });
  }

  /** Turns to the successor, if there is one: a file of the same name that is another file. */
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

/** The segment, unless it is gone again or just being made. */
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
