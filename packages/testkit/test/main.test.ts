// The camera in a process of its own: forked like in the runtime, on the built files.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { CameraCommand, CameraEvent } from '../src/simulated-camera/process-messages.ts';
import { FOOTAGE } from './clips.ts';
import { RtspClient } from './rtsp-client.ts';

const ENTRY = fileURLToPath(import.meta.resolve('@vigia/testkit/simulated-camera'));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A forked camera and its events, in order. */
class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<[code: number | null, signal: string | null]>;
  readonly #events: CameraEvent[] = [];
  #wake: (() => void) | undefined;

  constructor(options: unknown) {
    this.process = fork(ENTRY, [JSON.stringify(options)], { execArgv: [] });
    children.push(this.process);
    this.process.on('message', (event) => {
      this.#events.push(event as CameraEvent);
      this.#wake?.();
    });
    this.exited = once(this.process, 'exit') as Promise<[number | null, string | null]>;
  }

  /** The next event, expected to be of this type. */
  async next<T extends CameraEvent['type']>(type: T): Promise<Extract<CameraEvent, { type: T }>> {
    while (this.#events.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const event = this.#events.shift() as CameraEvent;
    expect(event).toMatchObject({ type });
    return event as Extract<CameraEvent, { type: T }>;
  }

  send(command: Exclude<CameraCommand['type'], 'faults'>): void {
    this.process.send({ type: command });
  }

  sendFaults(...faults: string[]): void {
    this.process.send({ type: 'faults', faults });
  }
}

describe('simulated camera process', () => {
  it('plays in lock-step by messages, and ends on stop', async () => {
    const child = new Child({ clip: FOOTAGE, pacing: 'lock-step' });
    const { url, port } = await child.next('ready');
    expect(url).toBe(`rtsp://127.0.0.1:${port}/stream`);
    child.send('step');
    expect((await child.next('stepped')).unit).toBeNull();
    const client = await RtspClient.connect(port);
    await client.play(url);
    expect((await child.next('playing')).sessions).toBe(1);
    child.send('step');
    const { unit } = await child.next('stepped');
    expect(unit).toMatchObject({ index: 0, keyframe: true, rtpTime: (await client.units.next()).rtpTime });
    expect(unit?.sentMonotonicNs).toMatch(/^\d+$/);
    child.send('pause');
    child.send('step');
    expect((await child.next('stepped')).unit).toBeNull();
    child.send('resume');
    child.send('drop_clients');
    await client.closed;
    expect((await child.next('playing')).sessions).toBe(0);
    child.send('stop');
    expect(await child.exited).toEqual([0, null]);
  });

  it('reports units when asked to, and refuses step in real time without ending', async () => {
    const child = new Child({ clip: FOOTAGE, fps: 100, reportUnits: true });
    const { url, port } = await child.next('ready');
    child.send('step');
    expect((await child.next('failed')).code).toBe('not_lock_step');
    const client = await RtspClient.connect(port);
    await client.play(url);
    await child.next('playing');
    expect((await child.next('unit')).unit.counter).toBe(0);
    expect((await child.next('unit')).unit.counter).toBe(1);
    child.process.kill('SIGTERM');
    expect(await child.exited).toEqual([0, null]);
    await client.closed;
  });

  it('switches faults on and off by messages, and refuses unknown ones', async () => {
    const child = new Child({ clip: FOOTAGE, pacing: 'lock-step', faults: ['not-found'] });
    const { url, port } = await child.next('ready');
    const client = await RtspClient.connect(port);
    expect((await client.request('DESCRIBE', url)).status).toBe(404);
    child.sendFaults('unauthorized');
    expect((await child.next('faults')).faults).toEqual(['unauthorized']);
    expect((await client.request('DESCRIBE', url)).status).toBe(401);
    child.sendFaults('nonsense');
    expect(await child.next('failed')).toMatchObject({ code: 'bad_fault' });
    child.sendFaults('reboot:1ms');
    expect((await child.next('faults')).faults).toEqual(['reboot:1ms']);
    await client.closed;
    expect((await child.next('faults')).faults).toEqual([]);
    const again = await RtspClient.connect(port);
    expect((await again.request('DESCRIBE', url)).status).toBe(200);
    await again.close();
  });

  it('ends when its parent is gone, also while it plays', async () => {
    const child = new Child({ clip: FOOTAGE });
    const { url, port } = await child.next('ready');
    const client = await RtspClient.connect(port);
    await client.play(url);
    child.process.disconnect();
    expect(await child.exited).toEqual([0, null]);
    await client.closed;
  });

  it('ends when its parent is gone before it has begun', async () => {
    const child = new Child({ clip: FOOTAGE });
    child.process.disconnect();
    expect(await child.exited).toEqual([0, null]);
  });

  it.each([
    [{ clip: '/nowhere.mp4' }, 'clip_not_found'],
    [{ clip: FOOTAGE, speed: 2 }, 'bad_option'],
    [null, 'bad_option'],
  ])('says why it does not start with %j', async (options, code) => {
    const child = new Child(options);
    expect((await child.next('failed')).code).toBe(code);
    expect(await child.exited).toEqual([1, null]);
  });
});
