import {
  addSecret,
  ChildEntry,
  createLog,
  type Handlers,
  jsonLineSink,
  messageOf,
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
/** A page of events for an export. Milliseconds. */
const EVENTS_MS = 10_000;

/** The entry of the footage process: waits for its setup, runs until its parent ends it. */
class FootageProcess {
  readonly #entry: ChildEntry<FootageWords, NodeFootageWords>;
  readonly #log = createLog('footage', jsonLineSink);
  #footage: Footage | undefined;

  constructor() {
    this.#entry = new ChildEntry({
      name: 'footage',
      speaks: FOOTAGE_WORDS,
      hears: NODE_FOOTAGE_WORDS,
      handlers: this.#handlers(),
      close: async () => this.#footage?.close(),
      closeMs: () => CLOSE_MS,
    });
  }

  #handlers(): Handlers<NodeFootageWords> {
    return {
      requests: {
        setup: (setup) => this.#entry.setUp(() => this.#begin(setup)),
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
        results: (notice) => this.#footage?.results(notice),
        mark: (notice) => this.#soon('mark', this.#footage?.mark(notice)),
        unmark: (notice) => this.#soon('unmark', this.#footage?.unmark(notice)),
      },
    };
  }

  async #begin(setup: FootageSetup): Promise<void> {
    for (const secret of setup.secrets ?? []) addSecret(secret);
    const log = this.#log;
    this.#footage = new Footage({
      setup,
      toNode: this.#entry.channel,
      clock: systemClock,
      log,
      lock: (dir) => lockDirectory(dir, setup.node),
      openPlayback: async (view, socketPath) => {
        const playback = await Playback.open({
          view,
          socketPath,
          clock: systemClock,
          log,
          nodeName: setup.node,
          preview: async (task, results, signal) => {
            // Most nodes never preview rules: they are loaded when first asked for.
            const { previewRules } = await import('#services/replay');
            return previewRules({ task, results, signal, clock: systemClock });
          },
          exports: {
            version: setup.version,
            events: async (wanted, signal) =>
              (await this.#entry.channel.request('events', wanted, { deadlineMs: EVENTS_MS, signal })).events,
          },
        });
        return () => playback.close();
      },
    });
    await this.#footage.start();
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
