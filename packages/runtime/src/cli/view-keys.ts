import type { ReadStream } from 'node:tty';
import { processStatFields } from '@vigia/base';
import type { LiveView } from '#cli/views';

/** Lines that a page key moves. */
const PAGE = 10;
/** In /proc/PID/stat, after the name: proc(5). */
const PROCESS_GROUP = 2;
const TERMINAL_GROUP = 5;
const CTRL_C = '\u0003';
const CTRL_Z = '\u001a';

/** What a key does. */
interface KeyActions {
  readonly view: Pick<LiveView, 'scroll' | 'toggleHelp'>;
  /** Draws again, now. */
  readonly redraw: () => void;
  readonly end: () => void;
}

/**
 * Reads keys for a live view while standard input is a terminal that belongs to this job. Otherwise nothing happens, and
 * Ctrl-C works as ever.
 *
 * @returns gives the terminal back. Idempotent.
 */
export function readKeys(input: ReadStream, actions: KeyActions): () => void {
  if (!input.isTTY || !isInForeground()) return () => undefined;
  const onData = (text: string): void => {
    if (
      keysIn(text)
        .map((key) => act(key, input, actions))
        .includes(true)
    )
      actions.redraw();
  };
  // After Ctrl-Z and `fg`, the shell has set the terminal as it likes.
  const onContinue = (): void => {
    if (isInForeground()) input.setRawMode(true);
  };
  // The terminal is gone: `Ending` deals with that.
  const onError = (): void => undefined;
  input.setEncoding('utf8');
  input.setRawMode(true);
  input.on('data', onData).on('error', onError);
  process.on('SIGCONT', onContinue);
  return () => {
    input.off('data', onData);
    process.off('SIGCONT', onContinue);
    input.setRawMode(false);
    input.pause();
  };
}

// eslint-disable-next-line no-control-regex -- a key as terminals send it (ECMA-48)
const KEY = /\u001b\[[0-9;]*[A-Za-z~]|[^]/gu;

/**
 * The keys of a chunk: one, or one that was repeated while nobody read. Anything else is a paste, which is not meant for a
 * view; Ctrl-C counts in every case.
 */
export function keysIn(text: string): string[] {
  const keys = text.match(KEY) ?? [];
  return new Set(keys).size === 1 ? keys : keys.filter((key) => key === CTRL_C);
}

/** The kernel stops a job in the background that changes the terminal's mode. */
function isInForeground(): boolean {
  const fields = processStatFields(process.pid);
  return fields[PROCESS_GROUP] === fields[TERMINAL_GROUP];
}

/** @returns whether the view has changed. */
function act(key: string, input: ReadStream, { view, end }: KeyActions): boolean {
  switch (key) {
    case 'q':
    case CTRL_C:
      end();
      return false;
    case CTRL_Z:
      input.setRawMode(false);
      process.kill(process.pid, 'SIGTSTP');
      return false;
    case '?':
    case 'h':
      view.toggleHelp();
      return true;
    default:
      return move(key, view);
  }
}

/** Lines by key: arrows and pages as terminals send them (ECMA-48), and the letters of `less`. */
const MOVES: Readonly<Record<string, number>> = {
  '\u001b[A': -1,
  '\u001b[B': 1,
  '\u001b[5~': -PAGE,
  '\u001b[6~': PAGE,
  k: -1,
  j: 1,
  ' ': PAGE,
};

function move(key: string, view: KeyActions['view']): boolean {
  const by = Object.hasOwn(MOVES, key) ? MOVES[key] : undefined;
  if (by !== undefined) view.scroll(by);
  return by !== undefined;
}
