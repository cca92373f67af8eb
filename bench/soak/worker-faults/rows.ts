/** One kind of failure of a worker, and its expected reports. */
export interface FaultRow {
  /** The name in `faulty.py`. */
  readonly fault: string;
  /** Codes of the reason for its restart; empty: it is not restarted. */
  readonly reasons: readonly string[];
  /** Allowed result codes of its frames, besides ok and those of a missing worker. */
  readonly codes: readonly string[];
  /** And these, if it held one at that moment. */
  readonly perhaps?: readonly string[];
  /** Pixels over standard input: for failures of reading. */
  readonly stdin?: boolean;
  /** Number of processes it starts, in both runs together: all must be gone with it. */
  readonly children?: number;
  /** It fails before it is ready. */
  readonly early?: boolean;
  /** Left out of the short form: another row is similar. */
  readonly long?: boolean;
}

/** A worker without a sign of life for this long hangs. Milliseconds. */
export const HANG_MS = 1_500;
/** A worker that is not ready by then is restarted. Milliseconds. */
export const START_MS = { long: 1_500, short: 5_000 } as const;
/** One fault at a time, or all at once: twenty interpreters start together, and everything takes longer. */
export type Form = keyof typeof START_MS;
/** Memory limit, MiB: an idle Python has 7, one that grows takes 96 more. */
export const MEMORY_MIB = 64;
/** Checked every second, three times; and the process must be known first, which takes half a second. Milliseconds. */
export const MEMORY_NOTICED_MS = 3_500;
/** A longer answer is a `timeout`. Milliseconds. */
export const DEADLINE_MS = 500;

const GONE = ['worker_gone'];
const LATE = ['deadline_exceeded', 'worker_gone'];

export const FAULTS: readonly FaultRow[] = [
  { fault: 'never ready', reasons: ['not_ready'], codes: [], early: true },
  { fault: 'exits at once', reasons: ['exited'], codes: [], early: true },
  { fault: 'wants too much', reasons: ['refused'], codes: [], early: true },
  { fault: 'another protocol', reasons: ['refused'], codes: [], early: true, long: true },
  { fault: 'exits', reasons: ['exited'], codes: GONE },
  { fault: 'exits with 0', reasons: ['exited'], codes: GONE },
  { fault: 'throws', reasons: ['exited'], codes: GONE, long: true },
  { fault: 'segfault', reasons: ['signalled'], codes: GONE },
  { fault: 'SIGKILL', reasons: ['signalled'], codes: GONE },
  { fault: 'out of memory', reasons: ['exited'], codes: GONE },
  { fault: 'hangs', reasons: ['hung'], codes: LATE },
  { fault: 'stopped', reasons: ['hung'], codes: LATE, long: true },
  { fault: 'stops reading', reasons: ['hung'], codes: LATE, stdin: true },
  { fault: 'stops writing', reasons: ['hung'], codes: LATE },
  { fault: 'floods stdout with text', reasons: ['protocol_error'], codes: ['protocol_error'] },
  { fault: 'floods stdout with messages', reasons: ['protocol_error'], codes: ['protocol_error'] },
  { fault: 'floods stderr', reasons: [], codes: ['deadline_exceeded'] },
  { fault: 'half a message', reasons: ['hung'], codes: LATE },
  { fault: 'answers another frame', reasons: ['protocol_error'], codes: ['protocol_error'] },
  { fault: 'answers twice', reasons: ['protocol_error'], codes: [] },
  { fault: 'grandchildren', reasons: ['exited'], codes: GONE, children: 12 },
  { fault: 'grows', reasons: ['memory'], codes: [], perhaps: GONE, long: true },
  { fault: 'a child of it grows', reasons: ['memory'], codes: [], perhaps: GONE, children: 2 },
  { fault: 'ignores SIGTERM', reasons: [], codes: [] },
];
