import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiClient, createClient } from '@vigia/client';
import { sleep, systemClock } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { CameraFork } from '../../support/camera-fork.ts';
import { freePort } from '../../support/free-port.ts';
import { socketSender } from '../../support/runtime-internals.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import { HIDDEN, PEOPLE, type Person, SEEN } from './people.ts';
import { type Login, SENT_PASSWORD } from './requests.ts';

const BRIGHT = fileURLToPath(new URL('../../../../examples/workers/brightness.mjs', import.meta.url));
const PASSWORD = 'correct horse battery fuzz';
/** The password of a camera, in the environment of the node. */
const CAMERA_PASSWORD = 'by-the-environment-only';

/** Until the state of the node is looked at again: an admin may set passwords, which takes a while. Milliseconds. */
const SETTLE_MS = { admin: 250, others: 50 } as const;

/** What requests could change. */
export interface NodeState {
  readonly revision: number;
  readonly document: Readonly<Record<string, unknown>>;
  readonly users: readonly unknown[];
  readonly tokens: readonly { readonly id: string; readonly user: string }[];
}

/** A running node with users, two cameras and its API on a port of this machine. */
export class FuzzNode {
  readonly node: VigiaNode;
  readonly port: number;
  /** Over the control socket: as the owner of the node. */
  readonly local: ApiClient;
  /** Texts that no answer and no output may have. */
  readonly secrets = new Set<string>([PASSWORD, SENT_PASSWORD, CAMERA_PASSWORD]);
  readonly #logins = new Map<Person, Login>();
  /** Secrets that the node wrote. */
  readonly shown = new Set<string>();
  #lastText = '';

  private constructor(run: SoakRun, camera: string, port: number) {
    const { signal, scope, progress } = run;
    this.port = port;
    const yard = '"rtsp://care:${VIGIA_FUZZ_PASSWORD}@127.0.0.1:1/yard"';
    this.node = VigiaNode.start(
      { signal, scope, progress, seconds: 0 },
      { [SEEN]: camera, [HIDDEN]: yard },
      (id) => (id === SEEN ? '{ light: { worker: bright, fps: 2 } }' : '{}'),
      '',
      {
        models: '',
        top: `http: { listen: "127.0.0.1:${port}" }\nworkers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`,
        env: { VIGIA_FUZZ_PASSWORD: CAMERA_PASSWORD },
        onText: (text) => this.#hear(text),
      },
    );
    this.local = createClient({ send: socketSender(join(this.node.runDir, 'control.sock')) });
  }

  /** Starts one with an account for everybody, and one that nobody uses. */
  static async start(run: SoakRun): Promise<FuzzNode> {
    const { signal, scope, progress } = run;
    const camera = await CameraFork.start({ signal, scope, progress, seconds: 0 }, { fps: 5 });
    const fuzz = new FuzzNode(run, camera.url, await freePort());
    await fuzz.node.okResults([SEEN], 1);
    await fuzz.#addPeople();
    return fuzz;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  loginOf(person: Person): Login {
    return this.#logins.get(person) ?? [];
  }

  /** The texts that `access.json` has in place of passwords and tokens. */
  readHashes(): void {
    const text = readFileSync(join(dirname(this.node.runDir), 'state', 'access.json'), 'utf8');
    for (const [, hash] of text.matchAll(/"((?:[\w+/$=-]|\\\/){24,})"/g))
      if (hash !== undefined) this.secrets.add(hash);
  }

  async #logIn(person: Person): Promise<void> {
    const answer = await fetch(`http://${this.host}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: person.user, password: PASSWORD }),
    });
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    const { csrf } = (await answer.json()) as { csrf: string };
    this.secrets.add(cookie.slice(-43));
    const token: Login = person.by === 'session' ? [['X-CSRF-Token', csrf]] : [];
    this.#logins.set(person, [['Cookie', cookie], ...token]);
  }

  /** What the node has now. */
  async state(): Promise<NodeState> {
    const [{ revision, document }, users, tokens] = await Promise.all([
      this.local.config(),
      this.local.users(),
      this.local.tokens(),
    ]);
    return { revision, document, users, tokens };
  }

  /** The same, when nothing of somebody is under way any more: a request whose client has gone is carried out too. */
  async settled({ role }: Person): Promise<NodeState> {
    for (let before = ''; ; ) {
      const state = await this.state();
      const text = JSON.stringify(state);
      if (text === before) return state;
      before = text;
      await sleep(systemClock, role === 'admin' ? SETTLE_MS.admin : SETTLE_MS.others);
      // Changes are made one after another: this one, of nothing, is after all that were asked for.
      if (role === 'admin') await this.local.reload().catch(() => undefined);
    }
  }

  /** Undoes what those changed who may. */
  async restore(wanted: NodeState): Promise<void> {
    const now = await this.state();
    if (JSON.stringify(now.document) !== JSON.stringify(wanted.document))
      await this.local.putConfig({ body: readFileSync(join(dirname(this.node.runDir), 'vigia.yml'), 'utf8') });
    const names = new Set((wanted.users as { name: string }[]).map(({ name }) => name));
    for (const { name } of now.users as { name: string }[])
      if (!names.has(name) || name === 'victim') await this.local.removeUser({ params: { user: name } });
    const known = new Set(wanted.tokens.map(({ id }) => id));
    for (const { id } of await this.local.tokens())
      if (!known.has(id)) await this.local.removeToken({ params: { token: id } });
    await this.#addVictim();
  }

  /** Events of who did what, after one. */
  async audited(after: string): Promise<readonly NodeEvent[]> {
    const all: NodeEvent[] = [];
    for (let last: string | undefined = after; last !== undefined; ) {
      const { events } = await this.local.events({ query: { after: last, kind: 'audit', limit: 1_000 } });
      all.push(...events);
      last = events.at(-1)?.id;
    }
    return all;
  }

  async #addPeople(): Promise<void> {
    await this.local.addUser({ body: { name: 'owner', role: 'admin', password: PASSWORD } });
    for (const { user, role, cameras, by } of PEOPLE) {
      if (role === undefined || by !== 'token') continue;
      await this.local.addUser({
        body: { name: user, role, cameras: cameras === 'all' ? 'all' : [...cameras], password: PASSWORD },
      });
    }
    for (const person of PEOPLE) {
      if (person.by === 'nothing') continue;
      if (person.by === 'token') {
        const { token } = await this.local.addToken({ body: { user: person.user, name: 'fuzz' } });
        this.secrets.add(token.slice(-43));
        this.#logins.set(person, [['Authorization', `Bearer ${token}`]]);
      } else await this.#logIn(person);
    }
    await this.#addVictim();
  }

  async #addVictim(): Promise<void> {
    await this.local.addUser({ body: { name: 'victim', role: 'viewer', cameras: 'all' } });
  }

  #hear(text: string): void {
    const whole = this.#lastText + text;
    for (const secret of this.secrets) if (whole.includes(secret)) this.shown.add(secret);
    this.#lastText = whole.slice(-200);
  }
}
