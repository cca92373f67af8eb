import {
  addSecret,
  type Channel,
  createLog,
  endWithParent,
  type Handlers,
  ipcPort,
  jsonLineSink,
  messageOf,
  openParentChannel,
  systemClock,
  VigiaError,
} from '@vigia/base';
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
  readonly #channel: Channel<IngestWords, NodeToIngestWords>;
  #ingest: Ingest | undefined;

  constructor() {
    this.#channel = openParentChannel({
      clock: systemClock,
      speaks: INGEST_WORDS,
      hears: NODE_TO_INGEST_WORDS,
      handlers: this.#handlers(),
      onProblem: (problem) => createLog('ingest', jsonLineSink).error(problem.message),
    });
    endWithParent(
      systemClock,
      async () => this.#ingest?.close(),
      () => CLOSE_MS,
    );
  }

  #handlers(): Handlers<NodeToIngestWords> {
    return {
      requests: { setup: (start) => this.#setUp(start) },
      notices: {
        room: (room) => this.#ingest?.room(room),
        policy: (policy) => this.#ingest?.policy(policy),
        mark: (mark) => this.#ingest?.mark(mark),
        reconnect: ({ message }) => this.#ingest?.reconnect(message),
      },
    };
  }

  async #setUp(start: IngestStart): Promise<null> {
    if (this.#ingest) throw new VigiaError('start_failed', 'this process has its setup already');
    addSecretsOf(start.setup.source.url);
    const log = createLog(`ingest:${start.setup.camera}`, jsonLineSink);
    try {
      this.#ingest = new Ingest(start, this.#channel, systemClock, log);
      await this.#ingest.start();
    } catch (error) {
      this.#channel.notify('failing', { message: messageOf(error) });
      void this.#channel.flushed().then(() => process.kill(process.pid, 'SIGKILL'));
      throw new VigiaError('start_failed', messageOf(error), { cause: error });
    }
    ipcPort(process).send({ type: 'ready' }, () => undefined);
    return null;
  }
}

/** No line of this process's log has the password of its camera. */
function addSecretsOf(url: string): void {
  const password = /^[a-z]+:\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1];
  if (password) addSecret(password);
}

void new IngestProcess();
