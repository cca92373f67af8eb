import { VigiaError } from '@vigia/base';
import type { Fault, FaultBoard } from '#simulated-camera/faults';
import { type Clip, loadClip, LoopTimeline } from '#simulated-camera/media';
import type { PlayedClip } from '#simulated-camera/session';

/** Input of a {@link Programme}. */
export interface ProgrammeOptions {
  readonly clip: Clip;
  /** Frames per second of all clips; undefined: each its own. */
  readonly fps: number | undefined;
  /** The default second clip of `resolution` and `codec-change`: a path or a clip. */
  readonly secondClip: string | Clip | undefined;
  readonly payloadType: number;
  /** Payload type of a clip with another codec. */
  readonly otherPayloadType: number;
}

/** Error code of {@link Programme.prepare}, beside those of `loadClip`. */
export type ProgrammeErrorCode = 'no_second_clip' | 'second_clip_unfit';

/** Number of second clips kept in memory. */
const MAX_SECONDS = 4;

/** What the camera plays: its clip, or a second one under a fault. Keeps the most recently requested clips. */
export class Programme {
  readonly #options: ProgrammeOptions;
  readonly #faults: FaultBoard;
  readonly #main: PlayedClip;
  /** By path; the option's clip is ''. */
  readonly #seconds = new Map<string, PlayedClip>();

  constructor(options: ProgrammeOptions, faults: FaultBoard) {
    this.#options = options;
    this.#faults = faults;
    this.#main = this.#played(options.clip);
  }

  /** The current clip: the same object until it changes. */
  get current(): PlayedClip {
    const fault = this.#faults.get('codec-change') ?? this.#faults.get('resolution');
    return (fault && this.#seconds.get(fault.argument ?? '')) ?? this.#main;
  }

  /**
   * Loads the clips that faults need.
   *
   * @throws VigiaError with a {@link ProgrammeErrorCode} or a `ClipErrorCode`.
   */
  async prepare(faults: readonly Fault[]): Promise<void> {
    for (const fault of faults) {
      if (fault.name !== 'resolution' && fault.name !== 'codec-change') continue;
      const key = fault.argument ?? '';
      const played = this.#seconds.get(key) ?? this.#played(await this.#load(fault));
      this.#checkFits(fault, played.clip);
      // Moved to the end: the least recently requested clip is first.
      this.#seconds.delete(key);
      this.#seconds.set(key, played);
    }
    const oldest = [...this.#seconds.keys()].slice(0, Math.max(0, this.#seconds.size - MAX_SECONDS));
    for (const key of oldest) this.#seconds.delete(key);
  }

  #load({ name, argument }: Fault): Promise<Clip> {
    const source = argument ?? this.#options.secondClip;
    if (source === undefined) {
      const message = `the fault ${name} has no second clip to play: option secondClip or ${name}:FILE is needed`;
      throw new VigiaError<ProgrammeErrorCode>('no_second_clip', message, { path: 'secondClip' });
    }
    return typeof source === 'string' ? loadClip(source) : Promise.resolve(source);
  }

  #checkFits({ name }: Fault, second: Clip): void {
    const wanted = unfitFor(name, second, this.#options.clip);
    if (wanted === undefined) return;
    const message = `${second.path}, for the fault ${name}, ${wanted}`;
    throw new VigiaError<ProgrammeErrorCode>('second_clip_unfit', message, { path: second.path });
  }

  #played(clip: Clip): PlayedClip {
    const { fps, payloadType, otherPayloadType, clip: main } = this.#options;
    return {
      clip,
      timeline: new LoopTimeline(clip, fps),
      payloadType: clip.codec === main.codec ? payloadType : otherPayloadType,
    };
  }
}

/** Why a second clip does not fit, and what is needed; undefined when it fits. */
function unfitFor(name: string, second: Clip, clip: Clip): string | undefined {
  const sameCodec = second.codec === clip.codec;
  if (name === 'codec-change') {
    return sameCodec ? `is ${second.codec}, as ${clip.path} is: a clip of another codec is needed` : undefined;
  }
  if (!sameCodec) return `is ${second.codec}, ${clip.path} is ${clip.codec}: a clip of the same codec is needed`;
  const sameSets = second.parameterSets.every((set) => clip.parameterSets.some((other) => other.equals(set)));
  return sameSets ? `has the parameter sets of ${clip.path}: a clip with others is needed` : undefined;
}
