/** Parameters of the node of `npm run soak -- outbox`. */
export interface OutboxNodeSetup {
  /** The store's file. */
  readonly path: string;
  /** The broker. */
  readonly url: string;
  readonly node: string;
  readonly cameras: number;
  /** Events. */
  readonly perSecond: number;
  /** Publish before storing: what must not be done. */
  readonly early: boolean;
}
