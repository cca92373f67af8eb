import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf, Scope, systemClock } from '@vigia/base';
import { conservationErrors } from '@vigia/contracts';
import { freePort } from '../../support/free-port.ts';
import { ms } from '../../support/numbers.ts';
import { CLIP } from '../../support/paths.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import { type Outcome, PEOPLE, RECOVERY_LIMIT_MS, textOf } from './rows.ts';

const GST_CAMERA = fileURLToPath(new URL('../../../../packages/runtime/test/support/gst-camera.py', import.meta.url));

/** A camera of another implementation: frozen by SIGSTOP, killed and restarted. */
export class OtherCamera {
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  /** Ends with the scope. */
  static async start(scope: Scope): Promise<OtherCamera> {
    const camera = new OtherCamera(await freePort());
    scope.defer(() => camera.kill());
    await camera.restart();
    return camera;
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.#port}/stream`;
  }

  /** After {@link kill}, at the same address. */
  async restart(): Promise<void> {
    // Debian's own Python: another one on the PATH has no `gi`.
    const child = spawn('/usr/bin/python3', [GST_CAMERA, CLIP, String(this.#port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    await once(createInterface({ input: child.stdout }), 'line');
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** Freezes and kills gst-rtsp-server: a camera independent of ours. */
export async function playOther(run: SoakRun, way: 'frozen' | 'killed'): Promise<Outcome> {
  const name = `gst-rtsp-server ${way}`;
  run.progress(name);
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  try {
    const camera = await OtherCamera.start(scope);
    const { signal } = run;
    const node = VigiaNode.start({ signal, scope, seconds: 0, progress: () => undefined }, { bad: camera.url }, PEOPLE);
    await node.okResults(['bad'], 3);
    const from = node.lines.length;
    const startedMs = systemClock.nowMs();
    if (way === 'frozen') camera.signal('SIGSTOP');
    else await camera.kill();
    const told = way === 'frozen' ? 'waiting(stalled)' : 'waiting(ended)';
    const noticed = await node.until(told, () => node.lines.slice(from).find((t) => textOf(t) === told));
    if (way === 'frozen') camera.signal('SIGCONT');
    else await camera.restart();
    const healedMs = systemClock.nowMs();
    const results = node.results().length;
    await node.until(
      'ok results again',
      () =>
        node
          .results()
          .slice(results)
          .find(({ result }) => result.status === 'ok'),
      RECOVERY_LIMIT_MS,
    );
    const recoveredMs = systemClock.nowMs();
    const report = await node.finish();
    return {
      cells: [name, told, ms(noticed.atMs - startedMs), ms(recoveredMs - healedMs), '–', '–'],
      failures: conservationErrors(report).map((text) => `${name}: ${text}`),
    };
  } catch (error) {
    return { cells: [name, '–', '–', '–', '–', '–'], failures: [`${name}: ${messageOf(error)}`] };
  } finally {
    await scope.close();
  }
}
