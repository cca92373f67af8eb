import { every, sleep, systemClock, type Timer } from '@vigia/base';
import { descendantsOf } from '../../support/processes.ts';
import type { CameraFork } from '../../support/camera-fork.ts';
import { shiftClock } from '../../support/clock-shim.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';

/** What a row may use. */
export interface Stage {
  readonly node: VigiaNode;
  readonly camera: CameraFork;
  /** Of the library that shifts the node's clock. */
  readonly dir: string;
}

/** Something that goes wrong while somebody lies, or falls. */
export interface AlarmRow {
  readonly name: string;
  /** `down`: an alarm has just begun. `falling`: the body is down, and there is no alarm yet. */
  readonly when: 'down' | 'falling';
  readonly begin: (stage: Stage) => Promise<void> | void;
  /** Ends it; without `blindMs`, only when the alarm is over. */
  readonly end?: (stage: Stage) => Promise<void> | void;
  /** How long it lasts. Milliseconds. */
  readonly lastsMs?: number;
  /** `blind` within this time. Undefined: it is over soon, and the alarm goes on until somebody stands again. Milliseconds. */
  readonly blindMs?: number;
  /** The process that watched is gone: its alarm stays open until somebody acknowledges it. */
  readonly isLeft?: boolean;
  readonly shim?: boolean;
  /** In the short form, too. */
  readonly short?: boolean;
}

const HOUR_S = 3_600;
/** A detector needs longer than this to start. Milliseconds. */
const KILL_MS = 100;
const SHIFTED_MS = 500;
/** Results are missed after 5 s; looked at twice a second. */
const STOPPED = { lastsMs: 9_000, blindMs: 7_000 };
/** The end of a process is noticed at once. */
const GONE = { blindMs: 2_000, isLeft: true };

const signal =
  (of: (stage: Stage) => number, name: NodeJS.Signals) =>
  (stage: Stage): void =>
    void process.kill(of(stage), name);
const detector = ({ node }: Stage): number => node.child('model-container');
const filming = ({ camera }: Stage): number => camera.pid;
const watcher = ({ node }: Stage): number => node.child('camera-process');

/** The library looks ten times a second. */
async function jump(dir: string, seconds: number): Promise<void> {
  shiftClock(dir, seconds);
  await sleep(systemClock, SHIFTED_MS);
}

let killing: Timer | undefined;

/** Each new one, too. */
function keepDead({ node }: Stage): void {
  const kill = (): void => {
    const pid = descendantsOf(node.pid).find(({ command }) => command.includes('model-container'))?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  };
  kill();
  killing = every(systemClock, KILL_MS, kill);
}

function letLive(): void {
  killing?.cancel();
}

/** In the order of the table. */
export const ALARM_ROWS: readonly AlarmRow[] = [
  { name: 'nothing', when: 'down', begin: () => undefined },
  { name: 'camera process killed', when: 'down', begin: signal(watcher, 'SIGKILL'), ...GONE, short: true },
  {
    name: 'camera restarted by somebody',
    when: 'down',
    begin: async ({ node }) => void (await node.ask('POST', '/api/v1/cameras/room/restart')),
    ...GONE,
  },
  {
    name: 'camera restarted while somebody falls',
    when: 'falling',
    begin: async ({ node }) => void (await node.ask('POST', '/api/v1/cameras/room/restart')),
    ...GONE,
  },
  {
    name: 'camera taken out of the configuration',
    when: 'down',
    begin: ({ node, camera }) => node.reloadCameras({ other: camera.url }),
    end: ({ node, camera }) => node.reloadCameras({ room: camera.url }),
    lastsMs: 3_000,
    ...GONE,
  },
  { name: 'detector killed', when: 'down', begin: signal(detector, 'SIGKILL') },
  // It is noticed within a second, and replaced.
  { name: 'detector hangs', when: 'down', begin: signal(detector, 'SIGSTOP') },
  { name: 'detector dead', when: 'down', begin: keepDead, end: letLive, ...STOPPED, short: true },
  {
    name: 'camera frozen',
    when: 'down',
    begin: signal(filming, 'SIGSTOP'),
    end: signal(filming, 'SIGCONT'),
    ...STOPPED,
  },
  { name: 'connection cut', when: 'down', begin: ({ camera }) => camera.dropClients() },
  { name: 'detector dead while somebody falls', when: 'falling', begin: keepDead, end: letLive, ...STOPPED },
  {
    name: 'camera process stopped while somebody falls',
    when: 'falling',
    begin: signal(watcher, 'SIGTERM'),
    ...GONE,
  },
  {
    name: 'clock set forward by an hour',
    when: 'down',
    begin: ({ dir }) => jump(dir, HOUR_S),
    end: ({ dir }) => shiftClock(dir, 0),
    shim: true,
  },
  {
    name: 'clock set back by an hour',
    when: 'down',
    begin: ({ dir }) => jump(dir, -HOUR_S),
    end: ({ dir }) => shiftClock(dir, 0),
    shim: true,
  },
  {
    name: 'node killed, started again',
    when: 'down',
    begin: async ({ node }) => {
      await node.kill();
      node.startAgain();
    },
    blindMs: 6_000,
    isLeft: true,
    short: true,
  },
];
