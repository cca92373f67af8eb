import { codeOf, sleep, systemClock, UsageError } from '@vigia/base';
import { paletteFor } from '#core/terminal';
import type { NodeStatus } from '@vigia/contracts';
import { LiveView, statusScreen } from '#cli/views';
import { LogFollower } from './log-follower.ts';
import { lineOf } from './logs-command.ts';
import { Ending } from './ending.ts';
import { askStatus, isGone } from './node-answers.ts';
import type { Values } from './options.ts';
import { readKeys } from './view-keys.ts';
import { socketOf } from './which-node.ts';

/** How often `--watch` asks. */
const WATCH_MS = 500;
/** A pipe, and a terminal of unknown size. */
const WIDTH = 80;

/** `vigia status`. */
export async function statusCommand(values: Values): Promise<number> {
  if (values['watch']) refuseWatch(values);
  const socket = await socketOf(values, 'status');
  if (values['watch']) return watch(socket);
  const status = await askStatus(socket);
  const text = values['json']
    ? JSON.stringify(status)
    : statusScreen(status, paletteFor(process.stdout), process.stdout.columns || WIDTH).join('\n');
  process.stdout.write(`${text}\n`);
  return 0;
}

function refuseWatch(values: Values): void {
  if (values['json']) throw new UsageError('vigia status: --watch and --json exclude each other');
  if (!process.stdout.isTTY)
    throw new UsageError(
      'vigia status: --watch needs a terminal, and standard output is none; `vigia logs --follow` and `vigia events --follow` write lines',
    );
}

/** Shows the table of `vigia run` until a signal arrives or the node ends. */
async function watch(socket: string): Promise<number> {
  let { node } = await askStatus(socket);
  const ending = new Ending();
  const view = new LiveView(process.stdout, paletteFor(process.stdout), systemClock, {
    hint: 'q ends this view only, ? explains',
  });
  let shown: NodeStatus | undefined;
  const restore = readKeys(process.stdin, {
    view,
    redraw: () => shown && view.draw(shown),
    end: () => process.kill(process.pid, 'SIGINT'),
  });
  const log = new LogFollower(socket, {});
  let last = `node ${node} goes on`;
  try {
    while (!ending.signal.aborted) {
      shown = await drawNext(socket, log, view).catch((error: unknown) => {
        if (codeOf(error) !== 'no_answer') throw error;
        view.onLog('vigia: the node does not answer');
        return shown;
      });
      node = shown?.node ?? node;
      await sleep(systemClock, WATCH_MS, ending.signal).catch(() => undefined);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    last = `node ${node} has ended`;
  } finally {
    restore();
    view.close();
    ending.close();
  }
  process.stdout.write(`${last}\n`);
  return 0;
}

async function drawNext(socket: string, log: LogFollower, view: LiveView): Promise<NodeStatus> {
  const { records } = await log.next();
  for (const record of records) view.onLog(lineOf(record));
  const status = await askStatus(socket);
  view.draw(status);
  return status;
}
