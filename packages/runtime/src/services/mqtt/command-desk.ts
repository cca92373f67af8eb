import { type Clock, type Log, VigiaError } from '@vigia/base';
import type { CommandReply } from '@vigia/contracts';
import { type CommandMessage, type Delivery, readCommand } from './command-message.ts';

/** Commands under way, waiting ones included: to one camera (or the node), and in all. */
const PER_CAMERA = 8;
const IN_ALL = 64;
/** A command that takes longer is answered with an error. Longer than the restart of a worker with default settings. */
const ANSWER_MS = 45_000;
/** Longest answer, characters of JSON. */
const ANSWER_LIMIT = 1024 * 1024;
/** Commands that cannot be answered are logged at most once in this time. */
const QUIET_MS = 30_000;

/** An error of an answer. */
export type CommandError = Extract<CommandReply, { readonly status: 'error' }>['error'];

/** What a {@link CommandDesk} needs of the node. */
export interface CommandDoor {
  /** The work of a command, not begun yet. @throws VigiaError for an unknown command or an invalid payload. */
  workOf(message: CommandMessage): () => Promise<unknown>;
  /** The error of an answer, without secrets. @param what The command, for the log. */
  errorOf(error: unknown, what: string): CommandError;
}

/** Options of {@link CommandDesk}. */
export interface CommandDeskOptions {
  readonly node: string;
  readonly door: CommandDoor;
  /** Sends an answer, or drops it. @param text JSON. */
  readonly reply: (id: string, text: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The commands to one camera, in order. */
interface Lane {
  underWay: number;
  last: Promise<void>;
}

type Outcome =
  | { readonly status: 'ok'; readonly answer: unknown }
  | { readonly status: 'error'; readonly error: CommandError };

/**
 * Carries out commands from a broker, each of which gets one answer: those to one camera one after the other, those to
 * different cameras side by side. Commands beyond the bounds are answered with `busy`.
 */
export class CommandDesk {
  readonly #o: CommandDeskOptions;
  readonly #lanes = new Map<string, Lane>();
  #underWay = 0;
  #ignored = 0;
  #lastWarningMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: CommandDeskOptions) {
    this.#o = options;
  }

  /** Takes a message. Never throws. */
  take(delivery: Delivery): void {
    if (this.#closed) return;
    const message = readCommand(this.#o.node, delivery);
    if (typeof message === 'string') this.#ignore(message);
    else this.#accept(message);
  }

  /** Commands that wait are not begun any more. Those under way go on, without an answer. Idempotent. */
  close(): void {
    this.#closed = true;
  }

  #accept(message: CommandMessage): void {
    try {
      const work = this.#o.door.workOf(message);
      const lane = this.#laneOf(message.camera);
      lane.underWay += 1;
      this.#underWay += 1;
      lane.last = lane.last.then(() => this.#carryOut(message, work)).finally(() => this.#leave(message.camera, lane));
    } catch (error) {
      this.#answer(message, this.#failure(message, error));
    }
  }

  /** @throws VigiaError `busy` */
  #laneOf(camera: string): Lane {
    const lane = this.#lanes.get(camera) ?? { underWay: 0, last: Promise.resolve() };
    if (lane.underWay >= PER_CAMERA)
      throw new VigiaError('busy', `${PER_CAMERA} commands to ${camera} are under way; more are not taken`);
    if (this.#underWay >= IN_ALL)
      throw new VigiaError('busy', `${IN_ALL} commands to this node are under way; more are not taken`);
    this.#lanes.set(camera, lane);
    return lane;
  }

  #leave(camera: string, lane: Lane): void {
    lane.underWay -= 1;
    this.#underWay -= 1;
    if (lane.underWay === 0) this.#lanes.delete(camera);
  }

  /** Never rejects. */
  async #carryOut(message: CommandMessage, work: () => Promise<unknown>): Promise<void> {
    if (this.#closed) return;
    const done = this.#inTime(work).then(
      (answer): Outcome => ({ status: 'ok', answer }),
      (error: unknown) => this.#failure(message, error),
    );
    this.#answer(message, await done);
  }

  /** The work itself goes on after the time limit: a camera that hangs must not hold up its later commands. */
  #inTime(work: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new VigiaError('no_answer', `not done after ${ANSWER_MS / 1000} s; it may still be carried out`));
      const timer = this.#o.clock.after(ANSWER_MS, late, { unref: true });
      void work()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #failure(message: CommandMessage, error: unknown): Outcome {
    const what = `command ${message.command} to ${message.camera} over MQTT`;
    return { status: 'error', error: this.#o.door.errorOf(error, what) };
  }

  #answer(message: CommandMessage, outcome: Outcome): void {
    if (this.#closed) return;
    const text = replyText(message, outcome);
    const tooLong = new VigiaError('too_large', `the answer has more than ${ANSWER_LIMIT} characters; ask over HTTP`);
    this.#o.reply(message.id, text.length > ANSWER_LIMIT ? replyText(message, this.#failure(message, tooLong)) : text);
  }

  #ignore(why: string): void {
    this.#ignored += 1;
    const now = this.#o.clock.nowMs();
    if (now - this.#lastWarningMs < QUIET_MS) return;
    this.#lastWarningMs = now;
    this.#o.log.warn(`commands over MQTT ignored so far: ${this.#ignored}; the last one: ${why}`);
  }
}

function replyText({ id, command, camera }: CommandMessage, outcome: Outcome): string {
  return JSON.stringify({ id, command, camera, ...outcome });
}
