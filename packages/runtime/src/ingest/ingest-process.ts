import {
  addSecret,
  ChildEntry,
  createLog,
  every,
  type Handlers,
  jsonLineSink,
  systemClock,
  VigiaError,
} from '@vigia/base';
import type { RecordRoom } from '#core/footage';
import {
  INGEST_WORDS,
  type IngestSetup,
  type IngestStart,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { CLOSE_MS, Ingest } from './ingest.ts';

const COUNTERS_EVERY_MS = 500;

/** The entry of an ingest process: waits for its setup, holds the connections of its cameras, runs until its parent ends it. */
class IngestProcess {
  readonly #entry: ChildEntry<IngestWords, NodeToIngestWords>;
  readonly #ingests = new Map<string, Ingest>();
  #boot = '';
  #room: RecordRoom | undefined;

  constructor() {
    this.#entry = new ChildEntry({
      name: 'ingest',
      speaks: INGEST_WORDS,
      hears: NODE_TO_INGEST_WORDS,
      handlers: this.#handlers(),
      close: async () => {
        await Promise.all([...this.#ingests.values()].map((ingest) => ingest.close()));
      },
      closeMs: () => CLOSE_MS,
    });
  }

  #handlers(): Handlers<NodeToIngestWords> {
    return {
      requests: {
        setup: (start) => this.#entry.setUp(() => this.#begin(start)),
        open: (setup) => this.#open(setup),
        close: ({ camera }) => this.#close(camera),
      },
      notices: {
        room: (room) => {
          this.#room = room;
          for (const ingest of this.#ingests.values()) ingest.room(room);
        },
        policy: ({ camera, policy }) => this.#ingests.get(camera)?.policy(policy),
        mark: ({ camera, ...range }) => this.#ingests.get(camera)?.mark(range),
        reconnect: ({ camera, message }) => this.#ingests.get(camera)?.reconnect(message),
      },
    };
  }

  async #begin({ boot, cameras }: IngestStart): Promise<void> {
    this.#boot = boot;
    await Promise.all(cameras.map((setup) => this.#open(setup)));
    const tellCounters = (): void => {
      const counters = [...this.#ingests].map(([camera, ingest]) => [camera, ingest.counters] as const);
      this.#entry.channel.notify('counters', Object.fromEntries(counters));
    };
    every(systemClock, COUNTERS_EVERY_MS, tellCounters);
  }

  async #open(setup: IngestSetup): Promise<null> {
    const { camera, source } = setup;
    // Two connections to one camera would record it twice.
    if (this.#ingests.has(camera)) throw new VigiaError('start_failed', `camera ${camera} is open already`);
    addSecretsOf(source.url);
    const log = createLog(`ingest:${camera}`, jsonLineSink);
    const ingest = new Ingest({ setup, boot: this.#boot, node: this.#entry.channel, clock: systemClock, log });
    this.#ingests.set(camera, ingest);
    if (this.#room) ingest.room(this.#room);
    await ingest.start();
    return null;
  }

  async #close(camera: string): Promise<null> {
    const ingest = this.#ingests.get(camera);
    this.#ingests.delete(camera);
    await ingest?.close();
    return null;
  }
}

/** No line of this process's log has the password of its camera. */
function addSecretsOf(url: string): void {
  const password = /^[a-z]+:\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1];
  if (password) addSecret(password);
}

void new IngestProcess();
