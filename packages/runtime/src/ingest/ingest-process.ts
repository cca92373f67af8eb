import { addSecret, ChildEntry, createLog, type Handlers, jsonLineSink, systemClock } from '@vigia/base';
import {
  INGEST_WORDS,
  type IngestStart,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { CLOSE_MS, Ingest } from './ingest.ts';

/** The entry of an ingest process: waits for its setup, runs until its parent ends it. */
class IngestProcess {
  readonly #entry: ChildEntry<IngestWords, NodeToIngestWords>;
  #ingest: Ingest | undefined;

  constructor() {
    this.#entry = new ChildEntry({
      name: 'ingest',
      speaks: INGEST_WORDS,
      hears: NODE_TO_INGEST_WORDS,
      handlers: this.#handlers(),
      close: async () => this.#ingest?.close(),
      closeMs: () => CLOSE_MS,
    });
  }

  #handlers(): Handlers<NodeToIngestWords> {
    return {
      requests: { setup: (start) => this.#entry.setUp(() => this.#begin(start)) },
      notices: {
        room: (room) => this.#ingest?.room(room),
        policy: (policy) => this.#ingest?.policy(policy),
        mark: (mark) => this.#ingest?.mark(mark),
        reconnect: ({ message }) => this.#ingest?.reconnect(message),
      },
    };
  }

  async #begin(start: IngestStart): Promise<void> {
    addSecretsOf(start.setup.source.url);
    const log = createLog(`ingest:${start.setup.camera}`, jsonLineSink);
    this.#ingest = new Ingest(start, this.#entry.channel, systemClock, log);
    await this.#ingest.start();
  }
}

/** No line of this process's log has the password of its camera. */
function addSecretsOf(url: string): void {
  const password = /^[a-z]+:\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1];
  if (password) addSecret(password);
}

void new IngestProcess();
