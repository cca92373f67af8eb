import type { RecordRoom } from '#core/footage';
import type { IngestSetup } from '#core/ingest-link';
import { IngestChild, type IngestChildOptions } from './ingest-child.ts';
import type { RecorderEvents, IngestHandle } from './ingest-handle.ts';

/** Options of {@link Ingests}. */
export type IngestsOptions = Omit<IngestChildOptions, 'name' | 'most'>;

/** A recorded camera, and the process that has its connection. */
interface Place {
  readonly handle: IngestHandle;
  readonly child: IngestChild;
}

/**
 * The connections of all recorded cameras, and the processes that hold them. A camera stays where it is, for a move costs it
 * its connection; one that is added goes to the first process with room.
 */
export class Ingests {
  readonly #o: IngestsOptions;
  readonly #places = new Map<string, Place>();
  /** By number, of which the lowest free one is taken. */
  readonly #children = new Map<number, IngestChild>();
  #room: RecordRoom | undefined;

  constructor(options: IngestsOptions) {
    this.#o = options;
  }

  /** Undefined for a camera that is not recorded. */
  get(camera: string): IngestHandle | undefined {
    return this.#places.get(camera)?.handle;
  }

  get handles(): IngestHandle[] {
    return [...this.#places.values()].map(({ handle }) => handle);
  }

  /** `ingest:1`, each with its pid. */
  get processes(): (readonly [name: string, pid: number])[] {
    return [...this.#children.values()].flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const]));
  }

  /** Begins with these cameras. Returns at once. @param most Cameras that one process may hold: those that are there stay. */
  add(setups: readonly IngestSetup[], fromOf: (camera: string) => RecorderEvents, most: number): void {
    const started: IngestChild[] = [];
    for (const setup of setups) {
      const child = this.#withRoom(most) ?? this.#newChild(most, started);
      this.#places.set(setup.camera, { child, handle: child.add(setup, fromOf(setup.camera)) });
    }
    for (const child of started) child.start();
  }

  /** Ends the connection of a camera. Resolves when it has ended. */
  async remove(camera: string): Promise<void> {
    const place = this.#places.get(camera);
    if (!place) return;
    this.#places.delete(camera);
    const { child, handle } = place;
    const ended = child.remove(handle);
    // It ends with its last camera, and takes no other one.
    if (child.size === 0) for (const [n, one] of this.#children) if (one === child) this.#children.delete(n);
    await ended;
  }

  /** Where all may write; also those that come later. */
  room(room: RecordRoom): void {
    this.#room = room;
    for (const child of this.#children.values()) child.room(room);
  }

  /** Where cameras that come later may write is not known: what was said was about other directories. */
  forgetRoom(): void {
    this.#room = undefined;
  }

  /** Ends all processes; what waits is written. */
  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }

  #withRoom(most: number): IngestChild | undefined {
    return [...this.#children.values()].find(({ size }) => size < most);
  }

  #newChild(most: number, started: IngestChild[]): IngestChild {
    let n = 1;
    while (this.#children.has(n)) n += 1;
    const child = new IngestChild({ ...this.#o, name: `ingest:${n}`, most });
    if (this.#room) child.room(this.#room);
    this.#children.set(n, child);
    started.push(child);
    return child;
  }
}
