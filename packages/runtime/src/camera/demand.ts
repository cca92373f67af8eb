/** Options of {@link Demand}. */
export interface DemandOptions {
  /** Consumers subscribed now. */
  readonly consumers: () => number;
  /** Requests for the next picture, as it is, that have not been answered. */
  readonly snapshots: () => number;
  /** Whether somebody looks at small pictures. They are of the analysed stream. */
  readonly tiles: () => boolean;
  /** Whether the camera has a large stream beside the one that consumers analyse. Snapshots are taken from it then. */
  readonly hasLargeStream: boolean;
}

/** Decides which of a camera's streams have to be decoded now: the captures ask it for each unit. */
export class Demand {
  readonly #o: DemandOptions;

  constructor(options: DemandOptions) {
    this.#o = options;
  }

  /** Whether pictures of the analysed stream are wanted. */
  ofAnalysedStream(): boolean {
    return this.#o.consumers() > 0 || this.snapshotOfAnalysedStream() || this.#o.tiles();
  }

  /** Whether the next picture of the analysed stream is wanted as a snapshot. */
  snapshotOfAnalysedStream(): boolean {
    return !this.#o.hasLargeStream && this.#o.snapshots() > 0;
  }

  /** Whether pictures of the large stream are wanted. */
  ofLargeStream(): boolean {
    return this.#o.hasLargeStream && this.#o.snapshots() > 0;
  }
}
