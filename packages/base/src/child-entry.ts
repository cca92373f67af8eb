import type { Channel } from './channel.ts';
import type { Handlers, Vocabulary } from './channel-protocol.ts';
import { systemClock } from './clock.ts';
import { messageOf, VigiaError } from './errors.ts';
import { createLog, jsonLineSink } from './log.ts';
import { ipcPort, openParentChannel } from './parent-channel.ts';
import { endWithParent } from './supervised-child.ts';

/** Options of {@link ChildEntry}. */
export interface ChildEntryOptions<Out extends Vocabulary, In extends Vocabulary> {
  /** Of its lines in the log, until it knows more of itself: `camera`. */
  readonly name: string;
  readonly speaks: Out;
  readonly hears: In;
  readonly handlers: Handlers<In>;
  /** Releases what the process holds. `orphaned`: the parent died without a message. */
  readonly close: (orphaned: boolean) => Promise<void>;
  /** How long that may take. Milliseconds. */
  readonly closeMs: () => number;
}

/** What each process of the node does at its start: opens the channel to its parent, takes one setup, ends with its parent. */
export class ChildEntry<Out extends Vocabulary, In extends Vocabulary> {
  readonly channel: Channel<Out, In>;
  #isSetUp = false;

  constructor({ name, speaks, hears, handlers, close, closeMs }: ChildEntryOptions<Out, In>) {
    const onProblem = (problem: VigiaError): void => createLog(name, jsonLineSink).error(problem.message);
    this.channel = openParentChannel({ clock: systemClock, speaks, hears, handlers, onProblem });
    endWithParent(systemClock, close, closeMs);
  }

  /**
   * The answer to `setup`. Says `ready` when `begin` has ended; when that fails, ends this process once its parent knows
   * why. The parent starts another one after a pause.
   *
   * @throws VigiaError `start_failed`, with the message of `begin`; also at a second setup, which begins nothing.
   */
  async setUp(begin: () => void | Promise<void>): Promise<null> {
    if (this.#isSetUp) throw new VigiaError('start_failed', 'this process has its setup already');
    this.#isSetUp = true;
    try {
      await begin();
    } catch (error) {
      // After the refusal below, which is the sentence that the parent shows.
      setImmediate(() => this.killWhenSaid());
      throw new VigiaError('start_failed', messageOf(error), { cause: error });
    }
    // A parent that is gone closes the channel, and that ends this process.
    ipcPort(process).send({ type: 'ready' }, () => undefined);
    return null;
  }

  /** Ends this process after what it has said. An exit would wait for threads, and one may hang. */
  killWhenSaid(): void {
    void this.channel.flushed().then(() => process.kill(process.pid, 'SIGKILL'));
  }
}
