import { type Clock, type Log, messageOf, VigiaError } from '@vigia/base';
import type { CameraConfig, Config } from '@vigia/contracts';
import { loadConfig, parseConfig } from '#node/config';
import { describeChange, type PlanChangeSummary } from '#node/plan';
import { describeConfigChanges, mergeFile, redactedConfig } from './config-diff.ts';

/** One state of the document, and how it came about. */
export interface Revision {
  /** 1 for the document that the node started with. */
  readonly revision: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** Who asked: `file vigia.yml`, `control socket (user care)`. */
  readonly by: string;
  /** One line per changed path; empty for the first revision. No secrets. */
  readonly changes: readonly string[];
}

/** What applying a document did. */
export interface Applied extends PlanChangeSummary {
  readonly revision: number;
  readonly changes: readonly string[];
}

/** Options of {@link DesiredState}. */
export interface DesiredStateOptions {
  /** The document that the node started with. */
  readonly initial: Config;
  /** The file that it came from; undefined: it has none. */
  readonly file: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the running node what a document says. Throws without having changed anything. */
  readonly apply: (document: Config) => Promise<PlanChangeSummary>;
  readonly onRevision: (revision: Revision) => void;
}

/** Revisions that are remembered. */
const HISTORY = 64;

/**
 * The one owner of what this node should be: a document, of which the configuration file and changes at runtime make
 * revisions. A document is applied first and becomes a revision when that succeeded. Changes are applied one after the
 * other. Revisions live as long as the node: after a restart the file is the truth.
 */
export class DesiredState {
  readonly #o: DesiredStateOptions;
  #document: Config;
  /** The file as it was read last. */
  #file: Config;
  readonly #history: Revision[];
  #work: Promise<unknown> = Promise.resolve();
  /** A reload that waits for its turn: it will read the file after everybody who asks for it meanwhile. */
  #nextReload: Promise<Applied> | undefined;

  constructor(options: DesiredStateOptions) {
    this.#o = options;
    this.#document = options.initial;
    this.#file = options.initial;
    this.#history = [this.#revision(1, this.#fileName, [])];
  }

  /** The document in force, without secrets. */
  get redacted(): Config {
    return redactedConfig(this.#document);
  }

  /** The latest revision. */
  get current(): Revision {
    return this.#history.at(-1) as Revision;
  }

  /** The latest revisions, oldest first. */
  get history(): readonly Revision[] {
    return this.#history;
  }

  /**
   * Reads the file again and applies what changed in it. Changes made at runtime stay, where the file did not change the
   * same entry. Every outcome is in the log.
   *
   * @throws ConfigError with all sentences about the file, VigiaError when the plan does not fit or there is no file.
   *   Nothing has changed then.
   */
  reload(): Promise<Applied> {
    this.#nextReload ??= this.inTurn(() => {
      this.#nextReload = undefined;
      return this.#logged(async () => {
        const file = this.#readFile();
        return this.#become(mergeFile(this.#file, file, this.#document), this.#fileName, file);
      });
    });
    return this.#nextReload;
  }

  /** What a new text of the file would change, without applying it. @throws ConfigError with all sentences about it. */
  previewFile(text: string, name: string): string[] {
    return describeConfigChanges(this.#document, mergeFile(this.#file, parseConfig(text, name), this.#document));
  }

  /** What a document would change, without applying it. @throws ConfigError with all sentences about it. */
  preview(text: string): string[] {
    return describeConfigChanges(this.#document, parseConfig(text, 'document'));
  }

  /** Applies a document in place of the one in force. @param expected Only when this is still the current revision. */
  put(text: string, by: string, expected?: number): Promise<Applied> {
    return this.#change(by, expected, () => parseConfig(text, 'document'));
  }

  /** Adds a camera, or gives the one of its name other settings. @throws ConfigError with all sentences about them. */
  putCamera(id: string, settings: unknown, by: string): Promise<Applied> {
    return this.#change(by, undefined, (document) => {
      const cameras = { ...document.cameras, [id]: parseCamera(id, settings, document) };
      return { ...document, cameras };
    });
  }

  /** Takes a camera out. It stays away until the file changes it, or somebody adds it again. */
  removeCamera(id: string, by: string): Promise<Applied> {
    return this.#change(by, undefined, (document) => {
      const cameras = { ...document.cameras };
      delete cameras[id];
      return { ...document, cameras };
    });
  }

  /** Does something to the node between two changes, never during one. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  #change(by: string, expected: number | undefined, edit: (document: Config) => Config): Promise<Applied> {
    return this.inTurn(() => {
      const { revision } = this.current;
      if (expected !== undefined && expected !== revision)
        throw new VigiaError('conflict', `revision ${expected} was expected, ${revision} is in force`);
      return this.#become(edit(this.#document), by, this.#file);
    });
  }

  async #become(document: Config, by: string, file: Config): Promise<Applied> {
    const changes = describeConfigChanges(this.#document, document);
    const summary = await this.#o.apply(document);
    this.#document = document;
    this.#file = file;
    if (changes.length > 0) this.#record(this.#revision(this.current.revision + 1, by, changes));
    return { ...summary, revision: this.current.revision, changes };
  }

  #record(revision: Revision): void {
    this.#history.push(revision);
    if (this.#history.length > HISTORY) this.#history.shift();
    this.#o.onRevision(revision);
  }

  #revision(revision: number, by: string, changes: readonly string[]): Revision {
    return { revision, at: new Date(this.#o.clock.wallMs()).toISOString(), by, changes };
  }

  get #fileName(): string {
    return this.#o.file === undefined ? 'the node' : `file ${this.#o.file}`;
  }

  #readFile(): Config {
    const { file } = this.#o;
    if (file !== undefined) return loadConfig(file);
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

/** The settings of one camera, checked against the models and workers that the document has. */
function parseCamera(id: string, settings: unknown, { node, models, workers }: Config): CameraConfig {
  // Their secrets are filled in already, and filling in refuses what looks like a password.
  const programs = Object.fromEntries(Object.entries(workers).map(([name, worker]) => [name, { ...worker, env: {} }]));
  const text = JSON.stringify({ version: 1, node, cameras: { [id]: settings }, models, workers: programs });
  return parseConfig(text, 'document').cameras[id] as CameraConfig;
}
