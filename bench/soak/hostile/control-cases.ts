import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { API } from '@vigia/contracts/api';
import type { Random } from '../container-fuzz/random.ts';
import { askJson, askLogs, askNode, askStatus } from '../../support/runtime-internals.ts';
import type { CaseJudge, Part } from './part.ts';
import { type Stranger, strangerOf } from './strangers.ts';

/** Commands wait for an answer for 2 s; the machine may be busy. */
const LIMIT_MS = 6_000;
const ASKED_MS = 1_000;

/** What commands ask, as they ask it. */
const QUESTIONS: Readonly<Record<string, (socket: string) => Promise<unknown>>> = {
  status: (socket) => askStatus(socket),
  health: (socket) => askJson(API.health.answer, socket, '/healthz', ASKED_MS),
  logs: (socket) => askLogs(socket, {}),
  events: (socket) => askJson(API.events.answer, socket, '/api/v1/events', ASKED_MS),
  snapshot: (socket) => askNode(socket, '/api/v1/cameras/hall/snapshot.jpg', ASKED_MS),
  reload: (socket) => askJson(API.reload.answer, socket, '/api/v1/reload', ASKED_MS, { method: 'POST' }),
};

/** Generated strangers at the path of a control socket, asked as commands ask. */
export class ControlPart implements Part {
  readonly lanes = 4;
  readonly limitMs: number = LIMIT_MS;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async play(random: Random, judge: CaseJudge): Promise<string> {
    const [name, ask] = random.of(Object.entries(QUESTIONS));
    const path = join(this.#folder, `${judge.number}.sock`);
    const server = await listening(path, strangerOf(random));
    try {
      const answer = await ask(path);
      judgeTexts(answer, judge);
      return `${name}: understood`;
    } catch (error) {
      return judge.refusal(error);
    } finally {
      server.close();
      rmSync(path, { force: true });
    }
  }
}

/** What was understood is shown: every text in it. Pictures are checked by their bytes. */
function judgeTexts(value: unknown, judge: CaseJudge): void {
  if (typeof value === 'string') judge.output(value);
  else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value))
    for (const part of Object.entries(value).flat()) judgeTexts(part, judge);
}

/** A stranger that listens. */
export async function listening(path: string, stranger: Stranger): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => stranger(socket));
  });
  server.listen(path);
  await once(server, 'listening');
  return server;
}
