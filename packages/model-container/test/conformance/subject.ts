/** How a container under test is started. */
export interface StartOptions {
  /** Where it listens. */
  readonly socketPath: string;
  /** Least duration of the model per frame. */
  readonly delayMs: number;
  /** Folders, besides /dev/shm, from which plain frame files are accepted. */
  readonly allowDirs: readonly string[];
  /** The model throws on a black frame. Used only with `canFail`. */
  readonly failsOnBlack?: boolean;
}

/** A running container. */
export interface RunningContainer {
  readonly socketPath: string;
  readonly modelId: string;
  /** The process, if it has its own. */
  readonly pid?: number | undefined;
  /** Ends it like its supervisor, by SIGTERM; resolves when it has exited. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Optional abilities of a container; the rest of the suite is required of all. Formats and batch size are not listed
 * here: `describe` reports them.
 */
export interface Capabilities {
  /**
   * It serves the bright model: one detection whose confidence is the mean of all bytes. Otherwise any detections will
   * do.
   */
  readonly bright: boolean;
  /**
   * It validates every field of a request by the protocol's tables. Otherwise only that required fields are present and
   * usable.
   */
  readonly strict: boolean;
  /** It can be started with a model that fails on a black picture. */
  readonly canFail: boolean;
  /** It has our limits of connections and of waiting requests. */
  readonly limits: boolean;
}

/** A kind of container. */
export interface ContainerSubject {
  readonly name: string;
  readonly can: Capabilities;
  /** Resolves when it answers requests. */
  start(options: StartOptions): Promise<RunningContainer>;
}
