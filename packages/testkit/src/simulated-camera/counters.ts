/** Counts since the start, and current numbers. */
export interface SimulatedCameraStats {
  /** Open connections, with or without a session. */
  readonly connections: number;
  /** Connections accepted so far. */
  readonly connectionsTotal: number;
  /** Connections closed at once because of the limit. */
  readonly connectionsRefused: number;
  /** Sessions that are playing. */
  readonly playing: number;
  /** Sessions set up so far. */
  readonly sessionsTotal: number;
  readonly unitsSent: number;
  readonly keyframesSent: number;
  /** Units not sent because the client did not read. */
  readonly unitsDropped: number;
  /** Keyframes suppressed by the fault `no-keyframes`. */
  readonly keyframesWithheld: number;
  /** RTP packets of sound sent, and units of sound dropped because the client did not read. */
  readonly audioPacketsSent: number;
  readonly audioUnitsDropped: number;
  /** RTP packets affected by faults. */
  readonly packets: {
    readonly lost: number;
    readonly reordered: number;
    readonly duplicated: number;
    readonly garbled: number;
  };
  /** Receiver reports received, interleaved and by UDP. */
  readonly receiverReports: number;
  /** Media, reports and replies on the wire, framing included. */
  readonly bytesSent: number;
  readonly requests: number;
  /** Replies by status, such as `{200: 4, 401: 1}`. */
  readonly replies: Readonly<Record<number, number>>;
}

/** The mutable counters of one camera. */
export class Counters {
  connectionsTotal = 0;
  connectionsRefused = 0;
  sessionsTotal = 0;
  unitsSent = 0;
  keyframesSent = 0;
  unitsDropped = 0;
  keyframesWithheld = 0;
  audioPacketsSent = 0;
  audioUnitsDropped = 0;
  receiverReports = 0;
  bytesSent = 0;
  requests = 0;
  readonly packets: { lost: number; reordered: number; duplicated: number; garbled: number } = {
    lost: 0,
    reordered: 0,
    duplicated: 0,
    garbled: 0,
  };
  readonly replies: Record<number, number> = {};

  /** A reply with this status was sent. */
  addReply(status: number, bytes: number): void {
    this.replies[status] = (this.replies[status] ?? 0) + 1;
    this.bytesSent += bytes;
  }

  /** A copy, with the current numbers. */
  snapshot(now: { readonly connections: number; readonly playing: number }): SimulatedCameraStats {
    const { packets, replies, ...numbers } = Object.fromEntries(Object.entries(this)) as Omit<
      SimulatedCameraStats,
      'connections' | 'playing'
    >;
    return { ...numbers, packets: { ...packets }, replies: { ...replies }, ...now };
  }
}
