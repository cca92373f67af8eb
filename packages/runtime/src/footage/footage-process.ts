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
  FOOTAGE_WORDS,
  type FootageSetup,
  type FootageWords,
  NODE_FOOTAGE_WORDS,
  type NodeFootageWords,
} from '#core/footage-link';
import { lockDirectory } from '#services/footage';
import { Playback } from '#services/playback';
import { Footage } from './footage.ts';

/** How long closing may take: a segment that is being moved is finished. Milliseconds. */
const CLOSE_MS = 800;

/** The entry of the footage process: waits for its setup, runs until its parent ends it. */
class FootageProcess {
  readonly #channel: Channel<FootageWords, NodeFootageWords>;
  readonly #log = createLog('footage', jsonLineSink);
  #footage: Footage | undefined;

  constructor() {
    this.#channel = openParentChannel({
      clock: systemClock,
      speaks: FOOTAGE_WORDS,
      hears: NODE_FOOTAGE_WORDS,
      handlers: this.#handlers(),
      onProblem: (problem) => this.#log.error(problem.message),
    });
    endWithParent(
      systemClock,
      async () => this.#footage?.close(),
      () => CLOSE_MS,
    );
  }

  #handlers(): Handlers<NodeFootageWords> {
    return {
      requests: {
        setup: (setup) => this.#setUp(setup),
        retention: (limits) => {
          this.#running().setLimits(limits);
          return null;
        },
        spans: (ask) => this.#running().spans(ask),
        rebuild: () => this.#running().rebuild(),
      },
      notices: {
        written: (notice) => this.#soon('written', this.#footage?.written(notice)),
        gap: (notice) => this.#footage?.gap(notice),
        mark: (notice) => this.#soon('mark', this.#footage?.mark(notice)),
      },
    };
  }

  async #setUp(setup: FootageSetup): Promise<null> {
    if (this.#footage) throw new VigiaError('start_failed', 'this process has its setup already');
    for (const secret of setup.secrets ?? []) addSecret(secret);
    try {
      const toNode = this.#channel;
      this.#footage = new Footage({
        setup,
        toNode,
        clock: systemClock,
        log: this.#log,
        lock: (dir) => lockDirectory(dir, setup.node),
        openPlayback: async (view, socketPath) => {
          const log = this.#log;
          const playback = await Playback.open({ view, socketPath, clock: systemClock, log, nodeName: setup.node });
          return () => playback.close();
        },
      });
      await this.#footage.start();
    } catch (error) {
      // The parent shows the message and starts another process after a pause.
      setImmediate(() => void this.#channel.flushed().then(() => process.exit(1)));
      throw new VigiaError('start_failed', messageOf(error), { cause: error });
    }
    ipcPort(process).send({ type: 'ready' }, () => undefined);
    return null;
  }

  #running(): Footage {
    if (!this.#footage) throw new VigiaError('not_started', 'this process has no setup yet');
    return this.#footage;
  }

  #soon(what: string, work: Promise<void> | undefined): void {
    work?.catch((error) => this.#log.error(`\`${what}\` could not be handled: ${messageOf(error)}`));
  }
}

void new FootageProcess();
