import { type Clock, codeOf, type Log, messageOf, VigiaError } from '@vigia/base';
import { type CameraConfig, type Config, type HealthProblem, WHOLE_NODE } from '@vigia/contracts';
import { checkConsumers, type ConfigFile, parseConfig, readConfigFile } from '#node/config';
import { describeChange, type PlanChangeSummary } from '#node/plan';
import { changesBeside, fingerprint, type Initial, joined, type Kept, type KeptRevision } from './kept-changes.ts';
import { refuseFromNetwork, refuseTextFromNetwork } from './network-limits.ts';
import { describeConfigChanges, mergeFile, redactedConfig } from './config-diff.ts';
import { parseCamera, parseDocument, patchedCamera } from './settings.ts';

/** One version of the document, with its origin. */
export interface Revision {
  /** 1 for the document that the node started with. */
  readonly revision: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** The author: `file vigia.yml`, `control socket (user care)`. */
  readonly by: string;
  /** One line per changed path; empty for the first revision. Secrets are redacted. */
  readonly changes: readonly string[];
}

/** The result of applying a document. */
export interface Applied extends PlanChangeSummary {
  readonly revision: number;
  readonly changes: readonly string[];
}

/** Who changes the document. */
export interface Author {
  /** For the record: `control socket (user care)`, `user anna (192.168.1.7)`. */
  readonly by: string;
  /** The change is refused with `conflict` unless this is the current revision. */
  readonly expected?: number | undefined;
  /** Whether the change may set programs and files of this machine. */
  readonly trusted: boolean;
}

/** Options of {@link DesiredState}. */
export interface DesiredStateOptions {
  /** The document that the node started with. */
  readonly initial: Initial;
  /** The file that it was read from; undefined without one. */
  readonly file: string | undefined;
  /** Keeps what runtime changed over a restart; undefined: it does not last. */
  readonly keep: ((kept: Kept) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Changes the running node to match a document. A rejected document must not have changed anything. */
  readonly apply: (document: Config) => Promise<PlanChangeSummary>;
  readonly onRevision: (revision: Revision) => void;
}

/** Revisions kept in memory. */
const HISTORY = 64;

/**
 * Owns the node's desired state: a document that the configuration file and changes at runtime modify. A document is
 * applied first, becomes a revision if that succeeds, and is kept. Changes are applied one after the other.
 */
export class DesiredState {
  readonly #o: DesiredStateOptions;
  #document: Config;
  /** The file as last read. */
  #file: ConfigFile;
  /** Oldest first, each with what runtime had changed beside the file. */
  readonly #history: KeptRevision[];
  /** The documents of the history since the start, by revision. */
  readonly #documents = new Map<number, Config>();
  /** Why what runtime changed is not in force, or would be lost at a restart. */
  #unkept: string | undefined;
  #work: Promise<unknown> = Promise.resolve();
  /** A reload that has not started yet. Further requests share it, because it reads the file later than all of them. */
  #nextReload: Promise<Applied> | undefined;

  constructor(options: DesiredStateOptions) {
    this.#o = options;
    const { config, file, revisions, problem } = options.initial;
    this.#document = config;
    this.#file = file;
    this.#history = revisions.slice(-HISTORY);
    this.#unkept = problem;
    this.#documents.set(this.current.revision, config);
  }

  /** Of the document in force, with secrets. Undefined: there is no such camera. */
  cameraSettings(id: string): CameraConfig | undefined {
    return Object.hasOwn(this.#document.cameras, id) ? this.#document.cameras[id] : undefined;
  }

  /**
   * The document in force with this camera in place of all others, and without models and workers: to try it.
   *
   * @throws ConfigError with all problems of the settings.
   */
  documentWith(id: string, settings: unknown, trusted: boolean): Config {
    const cameras = { [id]: parseCamera(id, settings, this.#document, trusted) };
    return { ...this.#document, cameras, models: {}, workers: {} };
  }

  /** The document in force, with secrets redacted. */
  get redacted(): Config {
    return redactedConfig(this.#document);
  }

  /** The latest revision. */
  get current(): Revision {
    return shown(this.#history.at(-1) as KeptRevision);
  }

  /** The latest revisions, oldest first. */
  get history(): readonly Revision[] {
    return this.#history.map(shown);
  }

  /** How the document in force differs from the file as last read: one line per path, without secrets. */
  get besideFile(): readonly string[] {
    return describeConfigChanges(this.#file.config, this.#document);
  }

  /** What runtime changed and does not last. */
  get problems(): readonly HealthProblem[] {
    if (this.#unkept === undefined) return [];
    return [{ code: 'changes', camera: WHOLE_NODE, message: this.#unkept }];
  }

  /**
   * Reads the file again and applies its changes. A change made at runtime stays unless the file changed the same
   * entry. Logs every outcome.
   *
   * @throws ConfigError with all problems of the file; VigiaError when the plan does not fit or there is no file. The
   *   node is unchanged then.
   */
  reload(): Promise<Applied> {
    this.#nextReload ??= this.#inTurn(() => {
      this.#nextReload = undefined;
      return this.#logged(async () => {
        const file = this.#readFile();
        return this.#become(this.#mergedWith(file.config), this.#fileName, file);
      });
    });
    return this.#nextReload;
  }

  /** Lists what a new text of the file would change, without applying it. @throws ConfigError with all its problems. */
  previewFile(text: string, name: string, trusted: boolean): string[] {
    if (!trusted) refuseTextFromNetwork(this.#document, text);
    return describeConfigChanges(this.#document, this.#mergedWith(parseConfig(text, name)));
  }

  /** Lists what a document would change, without applying it. @throws ConfigError with all its problems. */
  preview(text: string, trusted: boolean): string[] {
    if (!trusted) refuseTextFromNetwork(this.#document, text);
    return describeConfigChanges(this.#document, parseDocument(text));
  }

  /** Replaces the document in force. */
  put(text: string, author: Author): Promise<Applied> {
    return this.#change(author, (document) => {
      if (!author.trusted) refuseTextFromNetwork(document, text);
      return parseDocument(text);
    });
  }

  /**
   * Makes an earlier revision the document in force. One from before the start is what runtime had changed then, beside the file of
   * today.
   *
   * @throws VigiaError `not_found` for one that is not kept.
   */
  rollBack(revision: number, author: Author): Promise<Applied> {
    return this.#change(author, () => {
      const document = this.#documents.get(revision);
      if (document) return document;
      const found = this.#history.find((one) => one.revision === revision);
      if (found) return joined(this.#file, found.entries).config;
      const { [0]: first, length } = this.#history;
      const last = this.#history[length - 1];
      throw new VigiaError(
        'not_found',
        `revision ${revision} is not kept; there are ${first?.revision} to ${last?.revision}`,
      );
    });
  }

  /**
   * Adds a camera or replaces its settings.
   *
   * @throws ConfigError with all problems of the settings.
   */
  putCamera(id: string, settings: unknown, author: Author): Promise<Applied> {
    return this.#change(author, (document) => {
      const cameras = { ...document.cameras, [id]: parseCamera(id, settings, document, author.trusted) };
      return { ...document, cameras };
    });
  }

  /**
   * Changes some settings of a camera (RFC 7396).
   *
   * @throws ConfigError with all problems of the settings; VigiaError `not_found`.
   */
  patchCamera(id: string, patch: unknown, author: Author): Promise<Applied> {
    return this.#change(author, (document) => {
      const cameras = { ...document.cameras, [id]: patchedCamera(id, patch, document, author.trusted) };
      return { ...document, cameras };
    });
  }

  /** Removes a camera. It stays away until the file changes it or it is added again. */
  removeCamera(id: string, author: Author): Promise<Applied> {
    return this.#change(author, (document) => {
      const cameras = { ...document.cameras };
      delete cameras[id];
      return { ...document, cameras };
    });
  }

  /** Begins work between two changes. Its end holds up nothing: a camera that hangs takes a while to end. */
  async beginInTurn<T>(work: () => Promise<T>): Promise<T> {
    const { done } = await this.#inTurn(async () => ({ done: work() }));
    return done;
  }

  /** Runs work between two changes, never during one. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  #change({ by, expected, trusted }: Author, edit: (document: Config) => Config): Promise<Applied> {
    return this.#inTurn(() => {
      if (expected !== undefined) this.#refuseUnless(expected);
      const document = edit(this.#document);
      if (!trusted) refuseFromNetwork(this.#document, document);
      return this.#become(document, by, this.#file);
    });
  }

  /** The error lists what changed since the expected revision: its asker decides whether that matters. */
  #refuseUnless(expected: number): void {
    const { revision } = this.current;
    if (expected === revision) return;
    const changes = this.#history.filter((one) => one.revision > expected).flatMap((one) => one.changes);
    const message = `revision ${expected} was expected, ${revision} is in force`;
    throw new VigiaError('conflict', message, { details: { revision, changes } });
  }

  async #become(document: Config, by: string, file: ConfigFile): Promise<Applied> {
    const changes = describeConfigChanges(this.#document, document);
    const summary = await this.#o.apply(document);
    this.#document = document;
    this.#file = file;
    if (changes.length > 0) this.#record(by, changes);
    await this.keep();
    return { ...summary, revision: this.current.revision, changes };
  }

  #record(by: string, changes: string[]): void {
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    const revision = { revision: this.current.revision + 1, at, by, changes, entries: [] };
    this.#history.push(revision);
    this.#documents.set(revision.revision, this.#document);
    if (this.#history.length > HISTORY) this.#documents.delete(this.#history.shift()?.revision ?? 0);
    this.#o.onRevision(shown(revision));
  }

  /** Keeps what runtime changed over a restart. Never rejects: the change is in force. */
  async keep(): Promise<void> {
    const { keep, log } = this.#o;
    const last = this.#history.at(-1);
    if (!keep || !last) return;
    // The file may have changed what runtime had changed: that is no new revision.
    this.#history[this.#history.length - 1] = { ...last, entries: changesBeside(this.#file, this.#document) };
    try {
      await keep({ version: 1, file: fingerprint(this.#file.written), revisions: this.#history });
      this.#unkept = undefined;
    } catch (error) {
      this.#unkept = `what runtime changed would be lost at a restart: it cannot be written (${codeOf(error) ?? messageOf(error)})`;
      log.error(this.#unkept);
    }
  }

  get #fileName(): string {
    return this.#o.file === undefined ? 'the node' : `file ${this.#o.file}`;
  }

  /**
   * The file's changes and those made at runtime. @throws ConfigError when a consumer that was added at runtime uses
   * what the file no longer has.
   */
  #mergedWith(file: Config): Config {
    const merged = mergeFile(this.#file.config, file, this.#document);
    checkConsumers(merged);
    return merged;
  }

  #readFile(): ConfigFile {
    const { file } = this.#o;
    if (file !== undefined) return readConfigFile(file);
    throw new VigiaError('no_configuration', 'the demo has no configuration file: there is nothing to reload');
  }

  async #logged(work: () => Promise<Applied>): Promise<Applied> {
    const { log } = this.#o;
    try {
      const done = await work();
      log.info(`configuration read again: ${describeChange(done)}`);
      return done;
    } catch (error) {
      for (const line of messageOf(error).split('\n')) log.error(`reload: ${line}`);
      log.error('reload: nothing was changed');
      throw error;
    }
  }
}

/** A revision without what only the node may see: passwords may be in it. */
function shown({ revision, at, by, changes }: KeptRevision): Revision {
  return { revision, at, by, changes };
}
