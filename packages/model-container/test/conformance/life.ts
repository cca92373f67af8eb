import { existsSync, statSync } from 'node:fs';
import { grantResponseSchema } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { codeOfAnswer, Peer } from './peer.ts';
import { type Rig, SLOW_MS } from './rig.ts';

/** Connection limit of our container. */
const CONNECTIONS = 256;
/** Limit of waiting wants and requests in our container. */
const WAITING = 64 * 32;

/** The socket, the end, and the limits. */
export function lifeTests(rig: Rig): void {
  test('its socket is for owner and group only', () => {
    const { mode } = statSync(rig.quick.socketPath);
    expect((mode & 0o777).toString(8)).toBe('660');
  });

  test('it ends while clients are there and the model looks, and leaves no socket', async () => {
    const container = await rig.start(SLOW_MS);
    const peer = await Peer.open(container.socketPath);
    peer.send(rig.infer({ request_id: 'i' }), rig.infer({ request_id: 'j', camera_id: 'yard' }), rig.want('w'), {
      op: 'health',
      request_id: 'h',
    });
    expect(await peer.next()).toMatchObject({ request_id: 'h' });
    const stopped = container.stop();
    // Waiting requests may be answered with an error or withdrawn; then the connection ends.
    for (
      let answer = await peer.next().catch(() => undefined);
      answer;
      answer = await peer.next().catch(() => undefined)
    )
      if (answer['request_id'] === 'w') expect(grantResponseSchema.parse(answer).grant).toBeNull();
      else expect(['closing', undefined]).toContain(codeOfAnswer(answer));
    await stopped;
    expect(existsSync(container.socketPath)).toBe(false);
    await peer.drop();
  });

  test('connections come and go, and each is served', async () => {
    for (let i = 0; i < 50; i += 1) {
      const peer = await Peer.open(rig.quick.socketPath);
      if (i % 2 === 0) expect(await peer.health()).toMatchObject({ state: 'ready' });
      await peer.drop();
    }
    rig.seen(await (await rig.connect()).infer(rig.infer()));
  });

  test.runIf(rig.subject.can.limits)(
    `the ${CONNECTIONS + 1}st connection is closed, the others are served`,
    async () => {
      const container = await rig.start(0);
      const peers: Peer[] = [];
      for (let i = 0; i < CONNECTIONS; i += 1) peers.push(await rig.connect(container));
      for (const peer of peers) await peer.quiet();
      const tooMuch = await Peer.open(container.socketPath);
      await tooMuch.closedByContainer();
      await tooMuch.drop();
      await peers[0]?.quiet();
    },
  );

  test.runIf(rig.subject.can.limits)(`no more than ${WAITING} wants wait`, async () => {
    const peer = await Peer.open(rig.slow.socketPath);
    const count = WAITING + 200;
    const wants = Array.from({ length: count }, (_, i) => rig.want(`w${i}`, 'hall', `c${i}`));
    peer.send(rig.infer({ request_id: 'i' }), ...wants, { op: 'health', request_id: 'h' });
    let refused = 0;
    for (let answer = await peer.next(); answer['request_id'] !== 'h'; answer = await peer.next())
      if (codeOfAnswer(answer) === 'overloaded') refused += 1;
    // A grant or two may have been given meanwhile; each makes room for one.
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThanOrEqual(200);
    await peer.drop();
  });
}
