import { createLog, FakeClock, type Scope, systemClock } from '@vigia/base';
import { Random } from '../container-fuzz/random.ts';
import { CommandDesk, MqttLink } from '../../support/runtime-internals.ts';
import { brokerScript } from './broker-scripts.ts';
import { HostileBroker } from './hostile-broker.ts';
import type { CaseJudge, Part } from './part.ts';
import { LOGIN } from './planted.ts';

const LIMIT_MS = 5_000;
/** Without an end after so long, the link is closed. Milliseconds. */
const PATIENCE_MS = 60;
const CLOSE_STEP_MS = 500;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Generated brokers, through the node's link to its broker and its desk for commands. */
export class BrokerPart implements Part {
  readonly lanes = 6;
  readonly limitMs: number = LIMIT_MS;
  readonly #broker: HostileBroker;
  readonly #scripts: Map<string, Random>;

  private constructor(broker: HostileBroker, scripts: Map<string, Random>) {
    this.#broker = broker;
    this.#scripts = scripts;
  }

  static async open(scope: Scope): Promise<BrokerPart> {
    const scripts = new Map<string, Random>();
    const broker = await HostileBroker.start((client) => {
      const random = scripts.get(/vigia-(case-\d+)-/.exec(client)?.[1] ?? '');
      return random && brokerScript(random);
    });
    scope.defer(() => broker.close());
    return new BrokerPart(broker, scripts);
  }

  async play(random: Random, judge: CaseJudge): Promise<string> {
    const name = `case-${judge.number}`;
    this.#scripts.set(name, new Random(random.u32()));
    const clock = new FakeClock();
    const logged: string[] = [];
    const log = createLog('mqtt', ({ message }) => {
      logged.push(message);
      judge.output(message);
    });
    const desk = deskOf(clock, log, judge);
    const url = `mqtt://${LOGIN.user}:${encodeURIComponent(LOGIN.password)}@127.0.0.1:${this.#broker.port}`;
    const link = new MqttLink({ url, node: name, clock, log, onCommand: (delivery) => desk.take(delivery) });
    link.start();
    const endMs = systemClock.nowMs() + PATIENCE_MS;
    while (systemClock.nowMs() < endMs && !logged.some((line) => line.includes('trying again'))) await turn();
    if (link.problem !== undefined) judge.output(link.problem);
    desk.close();
    await closed(link, clock);
    this.#scripts.delete(name);
    return outcomeOf(logged);
  }
}

function deskOf(clock: FakeClock, log: ReturnType<typeof createLog>, judge: CaseJudge): CommandDesk {
  return new CommandDesk({
    node: 'hostile',
    clock,
    log,
    door: { workOf: () => () => Promise.resolve({}), errorOf: () => ({ code: 'x', message: 'x' }) },
    reply: (id, text) => judge.output(id + text),
  });
}

/** Its own waits are of the simulated clock. */
async function closed(link: MqttLink, clock: FakeClock): Promise<void> {
  const closing = { over: false };
  const done = link.close().then(() => (closing.over = true));
  while (!closing.over) {
    await turn();
    clock.advance(CLOSE_STEP_MS);
  }
  await done;
}

function outcomeOf(logged: readonly string[]): string {
  if (logged.some((line) => line.includes('connected to'))) return 'connected';
  return logged.some((line) => line.includes('refuses the connection')) ? 'refused' : 'closed';
}
