import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, encodeJson, every, systemClock } from '@vigia/base';
import { loadClip } from '@vigia/testkit';
import { CLIP } from '../../support/paths.ts';
import { encodeSnapshot } from '../../support/runtime-internals.ts';
import { answerCase } from '../container-fuzz/answer-cases.ts';
import { type AnswerCase, goodAnswer } from '../container-fuzz/answer-parts.ts';
import { FakeServer } from '../container-fuzz/fake-server.ts';
import { Random } from '../container-fuzz/random.ts';
import type { SoakRun } from '../soak-run.ts';
import { brokerScript, peacefulBroker } from './broker-scripts.ts';
import { ForeignText } from './foreign.ts';
import { type CameraScript, HostileCamera } from './hostile-camera.ts';
import { HostileClients } from './hostile-clients.ts';
import { HostileBroker } from './hostile-broker.ts';
import { mjpegScript } from './mjpeg-cases.ts';
import type { OutputWatch } from './planted.ts';
import { rtspScript } from './rtsp-cases.ts';
import { RtpScripts } from './rtp-cases.ts';
import { sdpScript } from './sdp-cases.ts';

/** How often strangers connect, and the container is made to answer wrongly. Milliseconds. */
const CLIENT_MS = 25;
const ANSWER_MS = 20;
const JPEG = { width: 64, height: 48 } as const;

/** Every hostile peer of one node. They attack while it is on, and behave or refuse while it is off. */
export class Assault {
  readonly broker: HostileBroker;
  readonly camera: HostileCamera;
  #clients: HostileClients | undefined;
  /** While this file exists, the worker attacks. */
  readonly order: string;
  answersSpoiled = 0;
  readonly #run: SoakRun;
  readonly #random: Random;
  readonly #clock: Clock = systemClock;
  #on = false;

  private constructor(run: SoakRun, random: Random, peers: Pick<Assault, 'broker' | 'camera'>, order: string) {
    this.#run = run;
    this.#random = random;
    this.broker = peers.broker;
    this.camera = peers.camera;
    this.order = order;
  }

  /** @param messages Hears what the node publishes. @param folder Gets the file of orders. */
  static async start(run: SoakRun, seed: number, messages: OutputWatch, folder: string): Promise<Assault> {
    const random = new Random(seed);
    const scripts = await cameraScripts();
    let assault: Assault | undefined;
    const broker = await HostileBroker.start(
      (client) => (assault?.isOn ? brokerScript(random, nodeIn(client)) : peacefulBroker()),
      (text) => messages.hear(`${text}\n`),
    );
    const camera = await HostileCamera.start((path) => (assault?.isOn ? scripts(random, path) : undefined));
    run.scope.defer(() => broker.close());
    run.scope.defer(() => camera.close());
    assault = new Assault(run, random, { broker, camera }, join(folder, 'attack'));
    return assault;
  }

  get isOn(): boolean {
    return this.#on;
  }

  get clients(): number {
    return this.#clients?.sent ?? 0;
  }

  /** Meets a node that runs. @param socket Its control socket. @param model The socket of its external container. */
  async meet(socket: string, model: string, answers: OutputWatch): Promise<void> {
    const clients = new HostileClients(socket, answers);
    const server = await FakeServer.listen(model);
    this.#clients = clients;
    const { scope } = this.#run;
    scope.defer(() => clients.close());
    scope.defer(() => server.close());
    const timers = [
      every(this.#clock, CLIENT_MS, () => this.#on && clients.send(this.#random)),
      every(this.#clock, ANSWER_MS, () => this.#on && this.#spoil(server)),
    ];
    for (const timer of timers) scope.defer(() => timer.cancel());
  }

  begin(): void {
    this.#on = true;
    writeFileSync(this.order, '');
  }

  end(): void {
    this.#on = false;
    this.broker.cut();
    rmSync(this.order, { force: true });
  }

  #spoil(server: FakeServer): void {
    this.answersSpoiled += 1;
    server.spoilNext(this.#random.once(2) ? answerCase(this.#random) : foreignAnswer(this.#random));
  }
}

function nodeIn(client: string): string {
  return /vigia-([a-z0-9_-]+)-\d+/.exec(client)?.[1] ?? 'hostile';
}

/** A right answer but for its texts. */
function foreignAnswer(random: Random): AnswerCase {
  const foreign = new ForeignText(random);
  const name = foreign.line().slice(0, 500);
  const seen = { class_id: 0, class_name: name, confidence: 0.5, bbox: [0.25, 0.25, 0.5, 0.5] };
  const error = { code: 'inference_failed', message: foreign.next().slice(0, 2_000) };
  const more = random.once(2) ? { detections: [seen] } : { detections: null, error };
  return {
    kind: 'foreign texts',
    op: 'infer',
    bytes: (asked) => encodeJson({ ...goodAnswer(asked), ...more }),
    statuses: () => ['ok', 'error'],
  };
}

async function cameraScripts(): Promise<(random: Random, path: string) => CameraScript> {
  const rtp = new RtpScripts(await loadClip(CLIP));
  const data = Buffer.alloc(JPEG.width * JPEG.height * 3, 90);
  const jpeg = await encodeSnapshot({ ...JPEG, data }, undefined);
  return (random, path) => {
    if (path.startsWith('http')) return mjpegScript(random, jpeg);
    return random.of([rtspScript, sdpScript, (one: Random) => rtp.next(one), (one: Random) => rtp.next(one)])(random);
  };
}
