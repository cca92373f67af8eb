import { type GrantResponse, grantResponseSchema, inferResponseSchema } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { codeOfAnswer, type Peer } from './peer.ts';
import { type Colour, packed } from './pictures.ts';
import { COLOUR, type Rig } from './rig.ts';

/** How many grants in a row may expire unused, on a machine that was suspended, before that is an error. */
const TRIES = 5;

/** Granting: which key is next. */
export function turnTests(rig: Rig): void {
  /** Wants that take all places of a run, so that the next one waits. Their grants expire after a while. */
  async function holders(peer: Peer): Promise<readonly string[]> {
    const { max_batch } = await peer.describe();
    return Array.from({ length: max_batch }, (_, i) => `hold${i}`);
  }
  const holding = (names: readonly string[]): object[] => names.map((name) => rig.want(name, 'hold', name));

  /** Has all places promised to `peer`. */
  async function hold(peer: Peer): Promise<string> {
    const names = await holders(peer);
    peer.send(...holding(names));
    const answers = await peer.answersTo(...names);
    return grantOf(answers[names[0] as string]);
  }

  function grantOf(answer: unknown): string {
    const { grant, error } = grantResponseSchema.parse(answer);
    expect([error, grant?.expires_ms]).toEqual([null, expect.any(Number)]);
    return grant?.id ?? '';
  }

  /** Gets a grant and uses it at once; retries when the machine was suspended for longer than a grant's lifetime. */
  async function withGrant(peer: Peer, use: (grant: string) => Promise<string | undefined>): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const code = await use(grantOf(await peer.want(rig.want('w'))));
      if (code === undefined) return;
      expect(code).toBe('grant_expired');
      expect(tries).toBeLessThan(TRIES);
    }
  }

  async function expired(peer: Peer): Promise<number> {
    return (await peer.health()).counters.grants_expired;
  }

  test('a want is granted when nothing else waits, and used by an infer', async () => {
    const peer = await rig.connect();
    await withGrant(peer, async (grant) => {
      const answer = await peer.infer(rig.infer({ request_id: 'i', grant }));
      if (answer.error === null) rig.seen(answer);
      return codeOfAnswer(answer);
    });
  });

  test('turns of two connections alternate', async () => {
    const peers = { a: await rig.connect(), b: await rig.connect() };
    if ((await peers.a.describe()).max_batch > 1) return;
    const order: string[] = [];
    const has = (name: string): number => order.filter((other) => other === name).length;
    // On a busy machine one may have had many turns before the other one's first want arrives.
    const isOver = (): boolean => Math.min(has('a'), has('b')) >= 9 || order.length > 1_000;
    const rounds = async (name: 'a' | 'b'): Promise<void> => {
      const peer = peers[name];
      peer.send(rig.want('w', name));
      while (!isOver()) {
        const grant = grantOf(await peer.next());
        order.push(name);
        peer.send(rig.infer({ request_id: 'i', camera_id: name, grant }), rig.want('w', name));
        // The next grant may not come before this one's answer: the current run blocks its key.
        expect(await peer.next()).toMatchObject({ request_id: 'i' });
      }
      peer.send(rig.unwant('u', name));
      await peer.answersTo('w', 'u');
    };
    await Promise.all([rounds('a'), rounds('b')]);
    // Once both are in line they alternate: only the first and the last turns may go to one alone.
    const joint = order
      .join('')
      .replace(/^(.)\1+/, '$1')
      .replace(/(.)\1+$/, '$1');
    expect(joint).toMatch(/^a?(ba)+b?$/);
    expect(joint.length).toBeGreaterThanOrEqual(16);
  });

  test('consumers of one connection take turns too', async () => {
    const peer = await rig.connect();
    const names = ['x', 'y', 'z'];
    const rounds = 4;
    const order: string[] = [];
    peer.send(...names.map((name) => rig.want(name, 'hall', name)));
    // A grant and an answer for each round of each.
    for (let left = 2 * rounds * names.length; left > 0; left -= 1) {
      const answer = await peer.next();
      if (!('grant' in answer)) continue;
      const name = String(answer['request_id']);
      order.push(name);
      const again = order.filter((other) => other === name).length < rounds ? [rig.want(name, 'hall', name)] : [];
      peer.send(rig.infer({ request_id: `i${name}`, grant: grantOf(answer) }), ...again);
    }
    for (let i = 0; i < order.length; i += names.length)
      expect(new Set(order.slice(i, i + names.length))).toEqual(new Set(names));
  });

  test('a grant that is not used passes on; its late infer is grant_expired', async () => {
    const [a, b] = [await rig.connect(), await rig.connect()];
    const before = await expired(b);
    const grant = await hold(a);
    grantOf(await b.want(rig.want('b', 'yard')));
    const late = await a.infer(rig.infer({ request_id: 'late', camera_id: 'hold', grant }));
    expect(late).toMatchObject({ request_id: 'late', frame_id: 42, error: { code: 'grant_expired' } });
    expect(await expired(b)).toBeGreaterThan(before);
  });

  test('a grant is good for one infer, of its camera, on its connection', async () => {
    const [a, b] = [await rig.connect(), await rig.connect()];
    await withGrant(a, async (grant) => {
      b.send(rig.infer({ request_id: 'theft', grant }));
      a.send(
        rig.infer({ request_id: 'wrong camera', camera_id: 'yard', grant }),
        rig.infer({ request_id: 'right', grant }),
        rig.infer({ request_id: 'again', grant }),
      );
      const answers = await a.answersTo('wrong camera', 'right', 'again');
      expect(codeOfAnswer(await b.next())).toBe('grant_expired');
      expect(codeOfAnswer(answers['wrong camera'])).toBe('grant_expired');
      expect(codeOfAnswer(answers['again'])).toBe('grant_expired');
      return codeOfAnswer(answers['right']);
    });
    expect(codeOfAnswer(await a.infer(rig.infer({ grant: 'never given' })))).toBe('grant_expired');
    expect(codeOfAnswer(await a.infer(rig.infer({ grant: '' })))).toBe('grant_expired');
  });

  test('unwant withdraws a want that waits: no grant, no error', async () => {
    const peer = await rig.connect();
    const names = await holders(peer);
    peer.send(...holding(names), rig.want('w'), rig.unwant('u'), rig.unwant('nothing there', 'yard'));
    const answers = await peer.answersTo(...names, 'w', 'u', 'nothing there');
    for (const id of ['w', 'u', 'nothing there'])
      expect(answers[id]).toEqual({ request_id: id, grant: null, error: null });
  });

  test('unwant without an id is not answered, and gives a grant back that is out', async () => {
    const peer = await rig.connect();
    const names = await holders(peer);
    const before = await expired(peer);
    peer.send(...holding(names), rig.want('w'));
    await peer.answersTo(...names);
    peer.send(...names.map((name) => rig.unwant(undefined, 'hold', name)));
    grantOf(await peer.next());
    expect((await expired(peer)) - before).toBeLessThanOrEqual(TRIES);
    peer.send(rig.unwant(undefined));
    await peer.quiet();
  });

  test('a second want of a key that waits is bad_request, and the first one stays', async () => {
    const peer = await rig.connect();
    const names = await holders(peer);
    peer.send(...holding(names), rig.want('first'), rig.want('second'));
    const answers = await peer.answersTo(...names, 'second', 'first');
    expect(answers['second']).toMatchObject({ grant: null, error: { code: 'bad_request' } });
    grantOf(answers['first']);
  });

  test.each(['closed', 'half-closed'])('a connection that is %s loses its grant and its wants', async (how) => {
    const [a, b] = [await rig.connect(), await rig.connect()];
    await hold(a);
    a.send(rig.want('waits', 'hold', 'another'));
    b.send(rig.want('b', 'yard'));
    if (how === 'closed') await a.drop();
    else a.end();
    // Nothing else waits: if `another` were granted first, then `b` 100 ms later, it would be the next expired grant.
    const granted: GrantResponse = grantResponseSchema.parse(await b.next());
    expect(granted).toMatchObject({ request_id: 'b', error: null });
    expect(granted.grant).not.toBeNull();
    if (how === 'closed') return;
    // The want is withdrawn, and no answer is owed any more.
    const last = await a.next().catch(() => undefined);
    if (last) expect(last).toEqual({ request_id: 'waits', grant: null, error: null });
    await a.closedByContainer();
  });

  test('a half-closed connection still gets the answers to what waits', async () => {
    const peer = await rig.connect(rig.slow);
    const ids = ['r1', 'r2', 'r3'];
    peer.send(...ids.map((id) => rig.infer({ request_id: id, camera_id: id })));
    peer.end();
    const answers = await peer.answersTo(...ids);
    for (const id of ids) expect(codeOfAnswer(answers[id])).toBeUndefined();
    await peer.closedByContainer();
  });

  test('a peer that left during its run blocks no turn', async () => {
    const [a, b] = [await rig.connect(rig.slow), await rig.connect(rig.slow)];
    a.send(rig.infer({ request_id: 'i' }), rig.infer({ request_id: 'j', camera_id: 'yard' }), rig.want('w'));
    // Read, and thus started, before it leaves.
    a.send({ op: 'health', request_id: 'h' });
    await a.answersTo('h');
    await a.drop();
    rig.seen(await b.infer(rig.infer({ camera_id: 'elsewhere' })));
  });

  test('what waits is looked at together, as much as fits in a run, and each answer is of its own picture', async () => {
    const peer = await rig.connect(rig.slow);
    const { max_batch } = await peer.describe();
    const colours = Array.from({ length: 2 * max_batch }, (_, i): Colour => [40 * i, 255 - 40 * i, 7 * i]);
    const one = (id: string, colour: Colour): object => {
      // A file of its own: it is read when the model is free.
      const picture = rig.files.plain(packed('RGB24', 8, 8, colour), 42, rig.files.path(id));
      return rig.infer({ request_id: id, camera_id: id }, picture);
    };
    const ids = colours.map((_, i) => `r${i}`);
    peer.send(one('first', COLOUR), ...colours.map((colour, i) => one(`r${i}`, colour)));
    const answers = await peer.answersTo('first', ...ids);
    const sizes = ids.map((id, i) => {
      const answer = inferResponseSchema.parse(answers[id]);
      rig.seen(answer, colours[i]);
      return answer.metadata?.batch_size ?? 1;
    });
    expect(Math.max(...sizes)).toBe(max_batch);
  });

  test('infers without grants and wants stand in one line', async () => {
    const [a, b] = [await rig.connect(), await rig.connect()];
    const names = await holders(a);
    a.send(...holding(names), rig.infer({ request_id: 'i', camera_id: 'yard' }));
    b.send(rig.want('w'));
    const answers = await a.answersTo(...names, 'i');
    expect(codeOfAnswer(answers['i'])).toBeUndefined();
    grantOf(await b.next());
  });
}
