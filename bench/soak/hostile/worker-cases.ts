import { createLog, LineSplitter, systemClock } from '@vigia/base';
import type { Random } from '../container-fuzz/random.ts';
import { WorkerLog, WorkerMessages } from '../../support/runtime-internals.ts';
import type { CaseJudge, Part } from './part.ts';
import { workerBytes, workerLines } from './worker-messages.ts';

/** Also of a message of a mebibyte. */
const LIMIT_MS = 2_000;

/** Generated messages and log lines of workers, through the reader of a camera process. */
export class WorkerPart implements Part {
  readonly lanes = 1;
  readonly limitMs: number = LIMIT_MS;

  play(random: Random, judge: CaseJudge): string {
    const log = new WorkerLog(
      systemClock,
      createLog('worker', ({ message }) => judge.output(message)),
    );
    const lines = new LineSplitter((line) => log.line(line));
    lines.push(workerLines(random));
    lines.end();
    for (const line of log.last) judge.output(line);
    return this.#messages(random, judge, log);
  }

  #messages(random: Random, judge: CaseJudge, log: WorkerLog): string {
    const messages = new WorkerMessages();
    let taken = 0;
    try {
      for (const chunk of chunksOf(random, workerBytes(random, 1)))
        messages.push(chunk, systemClock.nowMs(), (message) => {
          taken += 1;
          if (message.type === 'log') log.write(message.level, message.message);
        });
      return taken > 0 ? 'taken' : 'waits for more';
    } catch (error) {
      return judge.refusal(error);
    }
  }
}

/** The same bytes, as a pipe may cut them. */
function chunksOf(random: Random, bytes: Buffer): Buffer[] {
  const at = random.int(0, bytes.byteLength);
  return random.once(2) ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)];
}
