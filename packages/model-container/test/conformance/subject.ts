/** How a container under test is started. */
export interface StartOptions {
  /** Where it listens. */
  readonly socketPath: string;
  /** The model takes at least so long for a picture. */
  readonly delayMs: number;
  /** Folders, besides /dev/shm, that plain frame files may come from. */
  readonly allowDirs: readonly string[];
  /** The model throws at a picture that is all black. Only asked of who `canFail`. */
  readonly failsOnBlack?: boolean;
}

/** A container that answers. */
export interface RunningContainer {
  readonly socketPath: string;
  readonly modelId: string;
  /** The process, where it is one of its own. */
  readonly pid?: number | undefined;
  /** Ends it as its supervisor would, by SIGTERM; resolves when it is gone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * What a container may have or not. Everything else in the suite is asked of every container. Which formats and how many
 * pictures at once is not stated here: it says so itself, in `describe`.
 */
export interface Capabilities {
  /** It serves the bright model: one detection whose confidence is the mean of all bytes. Else any detections will do. */
  readonly bright: boolean;
  /** It checks every field of a request by the tables of the page. Else what it needs is there and can be used. */
  readonly strict: boolean;
  /** It can be started with a model that fails on a black picture. */
  readonly canFail: boolean;
  /** It bounds connections, and what waits, as ours do. */
  readonly limits: boolean;
}

/** A kind of container. */
export interface ContainerSubject {
  readonly name: string;
  readonly can: Capabilities;
  /** Resolves when it answers. */
  start(options: StartOptions): Promise<RunningContainer>;
}
