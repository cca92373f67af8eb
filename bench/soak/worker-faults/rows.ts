/** One way in which a worker fails, and what must be told. */
export interface FaultRow {
  /** As `faulty.py` knows it. */
  readonly fault: string;
  /** Codes of the reason with which it is restarted; empty: nothing happens to it. */
  readonly reasons: readonly string[];
  /** Codes of results that its frames may have besides ok and those of a worker that is not there. */
  readonly codes: readonly string[];
  /** And these, if it had one just then. */
  readonly perhaps?: readonly string[];
  /** Pixels over standard input: for what is about reading. */
  readonly stdin?: boolean;
  /** How many processes it starts, both times together: all must be gone with it. */
  readonly children?: number;
  /** It fails before it is ready. */
  readonly early?: boolean;
  /** Left out of the short form: another row is alike. */
  readonly long?: boolean;
}

/** A worker gives no sign for so long: it hangs. Milliseconds. */
export const HANG_MS = 1_500;
/** It is not ready by then: started again. Milliseconds. */
export const START_MS = { long: 1_500, short: 5_000 } as const;
/** One fault at a time, or all of them at once: twenty interpreters start together, and everything takes longer. */
export type Form = keyof typeof START_MS;
/** Most memory of its own, MiB: a Python that does nothing has 7, one that grows takes 96 more. */
export const MEMORY_MIB = 64;
/** Looked at every second, three times; and its process must be known first, which takes half a second. Milliseconds. */
export const MEMORY_NOTICED_MS = 3_500;
/** Its answer takes longer: `timeout`. Milliseconds. */
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
