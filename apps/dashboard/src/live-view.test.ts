// Over 500 lines: every way in which live video begins, fails and ends, with one browser and one node.
import { describe, expect, test } from 'vitest';
import { type LiveListener, type LiveState, LiveView, PASS_MS, PICTURE_MS } from './live-view.ts';
import type {
  LiveBrowser,
  LiveReply,
  LiveSocketHandlers,
  Peer,
  Player,
  PlayerEvents,
  Transceiver,
  Way,
} from './live-way.ts';
import { TestTime } from './test-time.ts';

const PATH = '/api/v1/cameras/room-4/whep';
const MOVIE = '/api/v1/cameras/room-4/live.mp4';
const MIME = 'video/mp4; codecs="avc1.64001f"';
const ORIGIN = 2 ** 32 - 1000;

function created(session = 's1', origin: string | null = `${ORIGIN}@77`): LiveReply {
  return { status: 201, body: 'v=0 answer', location: `${PATH}/${session}`, origin };
}

function refused(status: number, code: string, message = 'why not'): LiveReply {
  return { status, body: JSON.stringify({ error: { code, message } }), location: null, origin: null };
}

/** Counts as an open connection until it is closed. */
class TestPeer implements Peer<string> {
  connectionState = 'new';
  localDescription: { sdp: string } | null = null;
  closed = 0;
  remote: string | null = null;
  readonly steps: string[] = [];
  readonly receiver: { track: string; jitterBufferTarget?: number | null } = { track: '', jitterBufferTarget: null };
  readonly sound: TestPeer['receiver'] = { track: '' };
  readonly #listeners = new Map<string, ((event: { data: unknown }) => void)[]>();

  readonly #direction: string;

  /** @param direction Of the sound, by the answer. */
  constructor(track: string, direction: string) {
    this.receiver.track = track;
    this.sound.track = `sound of ${track}`;
    this.#direction = direction;
  }

  addTransceiver(kind: 'video' | 'audio', { direction }: { direction: string }): Transceiver<string> {
    this.steps.push(`${kind} ${direction}`);
    if (kind === 'video') return { receiver: this.receiver, currentDirection: null };
    const answered = (): string | null => (this.remote === null ? null : this.#direction);
    return {
      receiver: this.sound,
      get currentDirection() {
        return answered();
      },
    };
  }

  createDataChannel(label: string, init: object): { addEventListener: TestPeer['addEventListener'] } {
    this.steps.push(`${label} ${JSON.stringify(init)}`);
    return { addEventListener: (type, listener) => this.addEventListener(`channel ${type}`, listener) };
  }

  async setLocalDescription(): Promise<void> {
    this.steps.push('offer');
    this.localDescription = { sdp: 'v=0 offer' };
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.remote = sdp;
  }

  addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  emit(type: string, data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data });
  }

  become(state: string): void {
    this.connectionState = state;
    this.emit('connectionstatechange');
  }

  time(rtp: number, at: string): void {
    this.emit('channel message', JSON.stringify({ rtp, captured_at: at }));
  }

  close(): void {
    this.closed += 1;
    // A browser may still report the end of what was closed.
    this.emit('channel close');
  }
}

/** A socket with a movie, and the player that it feeds. Counts as open until it is closed. */
class TestSocket {
  readonly path: string;
  readonly sent: string[] = [];
  closed = 0;
  readonly #handlers: LiveSocketHandlers;

  constructor(path: string, handlers: LiveSocketHandlers) {
    this.path = path;
    this.#handlers = handlers;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed += 1;
    // A browser reports the end of what was closed.
    this.#handlers.closed();
  }

  says(message: object | string): void {
    this.#handlers.text(typeof message === 'string' ? message : JSON.stringify(message));
  }

  format(mime = MIME): void {
    this.says({ type: 'format', mime, origin: ORIGIN });
  }

  time(rtp: number, at: string): void {
    this.says({ type: 'time', rtp, captured_at: at });
  }

  part(bytes = 10): void {
    this.#handlers.binary(new ArrayBuffer(bytes));
  }

  /** The node's end closes. */
  end(): void {
    this.#handlers.closed();
  }
}

class TestPlayer implements Player<string> {
  readonly track: string;
  readonly events: PlayerEvents;
  parts = 0;
  closed = 0;

  constructor(track: string, events: PlayerEvents) {
    this.track = track;
    this.events = events;
  }

  append(): void {
    this.parts += 1;
    this.events.appended();
  }

  close(): void {
    this.closed += 1;
  }
}

interface Asked {
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
}

/** A browser whose time the test moves. The node answers each offer with `answer`; null: not at all. */
class Scene extends TestTime implements LiveBrowser<string>, LiveListener<string> {
  answer: (() => LiveReply | Promise<LiveReply>) | null = () => created();
  readonly first: { way: Way } = { way: 'webrtc' };
  canPlay = true;
  types: readonly string[] = [MIME];
  readonly sockets: TestSocket[] = [];
  readonly players: TestPlayer[] = [];
  readonly asked: Asked[] = [];
  readonly peers: TestPeer[] = [];
  /** How often the newest one had been closed when a session was to be ended. */
  readonly peersAtEnd: number[] = [];
  readonly states: LiveState[] = [];
  readonly tracks: (string | null)[] = [];
  readonly heard: (string | null)[] = [];
  /** What the answer does with the sound: `recvonly` where the node has some. */
  sounds = 'inactive';
  readonly live: LiveView<string> = new LiveView(this, 'room-4', this);

  async request(method: string, path: string, { body }: { body?: string }): Promise<LiveReply> {
    this.asked.push({ atMs: this.nowMs, method, path, body });
    if (method === 'DELETE') {
      this.peersAtEnd.push(this.peer.closed);
      return { status: 200, body: '', location: null, origin: null };
    }
    if (this.answer === null) throw new Error('no answer');
    return this.answer();
  }

  openPeer(): Peer<string> {
    if (!this.canPlay) throw new Error('no WebRTC');
    const peer = new TestPeer(`track ${this.peers.length + 1}`, this.sounds);
    this.peers.push(peer);
    return peer;
  }

  openSocket(path: string, handlers: LiveSocketHandlers): TestSocket {
    const socket = new TestSocket(path, handlers);
    this.sockets.push(socket);
    return socket;
  }

  openPlayer(mime: string, events: PlayerEvents): Player<string> {
    if (!this.types.includes(mime)) throw new Error(`cannot play ${mime}`);
    const player = new TestPlayer(`movie ${this.players.length + 1}`, events);
    this.players.push(player);
    return player;
  }

  get socket(): TestSocket {
    return this.sockets.at(-1)!;
  }

  state(state: LiveState): void {
    this.states.push(state);
  }

  video(track: string | null): void {
    this.tracks.push(track);
  }

  sound(track: string | null): void {
    this.heard.push(track);
  }

  get peer(): TestPeer {
    return this.peers.at(-1)!;
  }

  get open(): number {
    return [...this.peers, ...this.sockets, ...this.players].filter(({ closed }) => closed === 0).length;
  }

  get kinds(): string[] {
    return this.states.map(({ kind }) => kind);
  }

  sent(method: string): Asked[] {
    return this.asked.filter((one) => one.method === method);
  }

  /** Pictures, and their times, for so long. */
  async play(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.live.shown((ORIGIN + this.nowMs * 90) % 2 ** 32);
      this.peer.time(0, '2026-11-22T03:14:00.000Z');
      await this.pass(Math.min(1000, endMs - this.nowMs));
    }
  }

  async toLive(): Promise<void> {
    this.live.open();
    await this.pass(200);
    this.live.shown(ORIGIN);
    expect(this.live.state.kind).toBe('live');
  }
}

describe('an attempt', () => {
  test('asks for video and for the times of its pictures, and shows it with the answer', async () => {
    const scene = new Scene();
    scene.live.open();
    await scene.pass(0);
    const times = 'vigia.times {"ordered":false,"maxRetransmits":0}';
    expect(scene.peer.steps).toEqual(['video recvonly', 'audio recvonly', times, 'offer']);
    expect(scene.peer.receiver.jitterBufferTarget).toBe(0);
    expect(scene.tracks).toEqual(['track 1']);
    expect(scene.asked).toEqual([{ atMs: 0, method: 'POST', path: PATH, body: 'v=0 offer' }]);
    expect(scene.peer.remote).toBe('v=0 answer');
    expect(scene.kinds).toEqual(['asking', 'connecting']);
  });

  test('has the sound of the answer, if there is some, until it ends', async () => {
    const scene = new Scene();
    await scene.toLive();
    expect(scene.heard).toEqual([]);
    scene.live.close();
    scene.sounds = 'recvonly';
    scene.live.open();
    await scene.pass(0);
    expect(scene.heard).toEqual([null, 'sound of track 2']);
    scene.live.close();
    expect(scene.heard).toEqual([null, 'sound of track 2', null]);
  });

  test('leaves a browser alone that has no target of its jitter buffer', async () => {
    const scene = new Scene();
    scene.openPeer = () => {
      const peer = new TestPeer('track', 'inactive');
      delete peer.receiver.jitterBufferTarget;
      scene.peers.push(peer);
      return peer;
    };
    await scene.toLive();
    expect('jitterBufferTarget' in scene.peer.receiver).toBe(false);
  });

  test('is not live before a picture at or behind the origin, also where stamps wrap', async () => {
    const scene = new Scene();
    scene.live.open();
    scene.live.shown(5);
    await scene.pass(200);
    for (const rtp of [ORIGIN - 90, ORIGIN - 1, ORIGIN - 9000]) scene.live.shown(rtp);
    expect(scene.live.state.kind).toBe('connecting');
    scene.live.shown((ORIGIN + 3000) % 2 ** 32);
    expect(scene.live.state.kind).toBe('live');
  });

  test('stays live when the stamps of the camera begin again', async () => {
    const scene = new Scene();
    await scene.toLive();
    scene.live.shown(ORIGIN - 5_000_000);
    expect(scene.live.state.kind).toBe('live');
  });

  test('knows when a picture was captured from the newest message', async () => {
    const scene = new Scene();
    await scene.toLive();
    expect(scene.live.capturedMsOf(ORIGIN)).toBeNull();
    scene.peer.time(ORIGIN, '2026-11-22T03:14:00.000Z');
    expect(scene.live.capturedMsOf((ORIGIN + 1800) % 2 ** 32)).toBe(Date.parse('2026-11-22T03:14:00.020Z'));
    scene.peer.time(500, '2026-11-22T04:00:00.000Z');
    expect(scene.live.capturedMsOf(500)).toBe(Date.parse('2026-11-22T04:00:00.000Z'));
    for (const bad of ['', '{', '{"rtp":-1}', new ArrayBuffer(4)]) scene.peer.emit('channel message', bad);
    expect(scene.live.dropped).toBe(4);
    expect(scene.live.capturedMsOf(500)).toBe(Date.parse('2026-11-22T04:00:00.000Z'));
    scene.live.close();
    expect(scene.live.capturedMsOf(500)).toBeNull();
  });

  test('is one at a time, however often it is opened', async () => {
    const scene = new Scene();
    for (let i = 0; i < 5; i++) scene.live.open();
    await scene.pass(200);
    scene.live.open();
    scene.live.wake();
    await scene.pass(1000);
    expect(scene.peers).toHaveLength(1);
  });
});

describe('what fails', () => {
  test('is tried again after 0.5 s, doubled to 8 s, with one connection open at a time', async () => {
    const scene = new Scene();
    scene.answer = () => refused(409, 'camera_away');
    scene.live.open();
    await scene.pass(60_000);
    const starts = scene.sent('POST').map(({ atMs }) => atMs);
    expect(starts.slice(1).map((atMs, i) => atMs - starts[i]!)).toEqual([
      500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000,
    ]);
    expect(scene.peers.every(({ closed }) => closed === 1)).toBe(true);
    expect(scene.states.at(-1)).toMatchObject({ kind: 'waiting', reason: 'camera_away', detail: 'why not' });
  });

  test('says when the next try is, and is tried at once when the node is heard again', async () => {
    const scene = new Scene();
    scene.answer = () => refused(503, 'busy');
    scene.live.open();
    await scene.pass(200);
    expect(scene.live.state).toEqual({ kind: 'waiting', reason: 'busy', detail: 'why not', retryMs: 500 });
    await scene.pass(10_000);
    scene.answer = () => created();
    expect(scene.live.state.kind).toBe('waiting');
    const before = scene.peers.length;
    scene.live.wake();
    expect(scene.live.state.kind).toBe('asking');
    await scene.pass(200);
    expect(scene.live.state.kind).toBe('connecting');
    expect([scene.peers.length - before, scene.open]).toEqual([1, 1]);
  });

  test.each([
    [409, 'privacy', 'privacy'],
    [404, 'not_found', 'not_found'],
    [403, 'forbidden', 'forbidden'],
  ])('%i %s is not tried again until the view is opened again', async (status, code, reason) => {
    const scene = new Scene();
    scene.answer = () => refused(status, code);
    scene.live.open();
    await scene.pass(200);
    expect(scene.live.state).toEqual({ kind: 'refused', reason, detail: 'why not' });
    scene.live.wake();
    await scene.pass(600_000);
    expect([scene.peers.length, scene.open, scene.timers]).toEqual([1, 0, 0]);
    scene.live.open();
    await scene.pass(200);
    expect(scene.peers).toHaveLength(2);
  });

  test.each([
    [refused(503, 'no_live'), 'no_live', 'why not'],
    [refused(401, 'not_logged_in'), 'login', 'why not'],
    [refused(500, 'internal'), 'error', 'why not'],
    [refused(409, 'something_newer', 'x'.repeat(5000)), 'error', 'x'.repeat(200)],
    [{ status: 502, body: '<html>', location: null, origin: null }, 'error', 'HTTP 502'],
    [{ status: 500, body: 'null', location: null, origin: null }, 'error', 'HTTP 500'],
    [{ status: 500, body: '{"error":7}', location: null, origin: null }, 'error', 'HTTP 500'],
    [created('s1', null), 'error', ''],
    [created('s1', 'soon'), 'error', ''],
    [{ ...created(), location: null }, 'error', ''],
    [{ ...created(), location: 'https://evil.example/x' }, 'error', ''],
    [{ ...created(), body: 'x'.repeat(100_000) }, 'error', ''],
  ] satisfies [LiveReply, string, string][])('an answer %j waits', async (answer, reason, detail) => {
    const scene = new Scene();
    scene.answer = () => answer;
    scene.live.open();
    await scene.pass(200);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason, detail });
    expect(scene.open).toBe(0);
    expect(scene.sent('DELETE').every(({ path }) => path.startsWith(`${PATH}/`))).toBe(true);
  });

  test('no answer, and an answer that the browser does not take, wait too', async () => {
    const scene = new Scene();
    scene.answer = null;
    scene.live.open();
    await scene.pass(200);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'no_answer' });
    scene.answer = () => created('s7');
    scene.live.wake();
    scene.peer.setRemoteDescription = () => Promise.reject(new Error('bad'));
    await scene.pass(200);
    expect(scene.sent('DELETE').map(({ path }) => path)).toEqual([`${PATH}/s7`]);
    expect([scene.live.state.kind, scene.socket.path]).toEqual(['asking', MOVIE]);
    scene.socket.end();
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
    expect(scene.open).toBe(0);
  });

  test('no first picture within 10 s, neither way', async () => {
    const scene = new Scene();
    scene.first.way = 'movie';
    scene.live.open();
    scene.socket.format();
    await scene.pass(PICTURE_MS - 1);
    expect(scene.live.state.kind).toBe('connecting');
    await scene.pass(1);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'no_picture' });
    expect([scene.tracks.at(-1), scene.open]).toEqual([null, 0]);
  });

  test('a node that never answers is given up within 10 s', async () => {
    const scene = new Scene();
    scene.answer = () => new Promise(() => {});
    scene.live.open();
    await scene.pass(PICTURE_MS);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'no_picture' });
    expect(scene.open).toBe(0);
  });

  test('pictures that stop, or whose times stop', async () => {
    const frozen = new Scene();
    await frozen.toLive();
    await frozen.play(30_000);
    expect(frozen.live.state.kind).toBe('live');
    for (let i = 0; i < 20; i++) {
      frozen.peers[0]!.time(0, '2026-11-22T03:14:00.000Z');
      await frozen.pass(500);
    }
    expect(frozen.states.find(({ kind }) => kind === 'waiting')).toMatchObject({ reason: 'no_picture' });
    const timeless = new Scene();
    await timeless.toLive();
    for (let i = 0; i < 20; i++) {
      if (timeless.live.state.kind === 'live') timeless.live.shown(ORIGIN);
      await timeless.pass(500);
    }
    expect(timeless.states.find(({ kind }) => kind === 'waiting')).toMatchObject({ reason: 'no_times' });
  });

  test('a node that says no more times for 3 s is lost: its session is gone, and is not ended', async () => {
    const scene = new Scene();
    await scene.toLive();
    scene.peer.time(ORIGIN, '2026-11-22T03:14:00.000Z');
    for (let i = 0; i < 5; i++) {
      await scene.pass(500);
      scene.live.shown(ORIGIN);
    }
    expect(scene.live.state.kind).toBe('live');
    await scene.pass(500);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
    expect(scene.open).toBe(0);
    expect(scene.asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test.each(['failed', 'closed'])('a connection that has %s', async (state) => {
    const scene = new Scene();
    await scene.toLive();
    scene.peer.become('disconnected');
    expect(scene.live.state.kind).toBe('live');
    scene.peer.become(state);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
    expect(scene.open).toBe(0);
  });

  test('a channel of times that the node closed', async () => {
    const scene = new Scene();
    await scene.toLive();
    scene.peer.emit('channel close');
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
  });

  test('what lasted is tried soon again; what breaks again and again is not', async () => {
    const scene = new Scene();
    const waits: number[] = [];
    for (const lastsMs of [0, 0, 0, 20_000]) {
      await (scene.live.state.kind === 'closed' ? scene.toLive() : scene.pass(200));
      scene.live.shown(ORIGIN);
      await scene.play(lastsMs);
      scene.peer.become('failed');
      const { state } = scene.live;
      if (state.kind !== 'waiting') throw new Error(state.kind);
      waits.push(state.retryMs - scene.nowMs);
      await scene.pass(waits.at(-1)!);
    }
    expect(waits).toEqual([500, 1000, 2000, 500]);
  });

  test('a browser without live video, or that does not say which picture it shows, is not asked again', async () => {
    const without = new Scene();
    without.canPlay = false;
    without.types = [];
    without.live.open();
    without.socket.format();
    without.socket.end();
    await without.pass(60_000);
    expect(without.live.state).toMatchObject({ kind: 'refused', reason: 'codec', detail: MIME });
    expect([without.asked, without.sockets.length, without.open]).toEqual([[], 2, 0]);
    const mute = new Scene();
    mute.live.open();
    await mute.pass(200);
    mute.live.shown(undefined);
    expect(mute.live.state.kind).toBe('asking');
    mute.socket.format();
    mute.live.shown(undefined);
    expect(mute.live.state).toMatchObject({ kind: 'refused', reason: 'browser' });
    await mute.pass(0);
    expect([mute.open, mute.sent('DELETE').length]).toEqual([0, 1]);
  });
});

describe('where WebRTC does not pass', () => {
  /** WebRTC was answered, and no picture came: the movie has been asked for. */
  async function blocked(): Promise<Scene> {
    const scene = new Scene();
    scene.live.open();
    await scene.pass(PASS_MS - 1);
    expect([scene.live.state.kind, scene.sockets.length]).toEqual(['connecting', 0]);
    await scene.pass(1);
    return scene;
  }

  test('a movie is tried 3 s after the answer: its pictures are told from old ones, and have their times', async () => {
    const scene = await blocked();
    expect(scene.sockets.map(({ path }) => path)).toEqual([MOVIE]);
    expect([scene.peer.closed, scene.sent('DELETE').length]).toEqual([1, 1]);
    scene.socket.format();
    scene.socket.part();
    expect(scene.tracks.at(-1)).toBe('movie 1');
    scene.live.shown(ORIGIN - 90);
    expect(scene.live.state.kind).toBe('connecting');
    scene.live.shown(ORIGIN);
    expect(scene.live.state.kind).toBe('live');
    scene.socket.time(ORIGIN, '2026-11-22T03:14:00.000Z');
    expect(scene.live.capturedMsOf((ORIGIN + 1800) % 2 ** 32)).toBe(Date.parse('2026-11-22T03:14:00.020Z'));
    scene.live.close();
    expect([scene.open, scene.timers, scene.sockets.map(({ closed }) => closed)]).toEqual([0, 0, [1]]);
  });

  test('what was received is confirmed five times a second, a part when it can be played', async () => {
    const scene = await blocked();
    scene.socket.format();
    for (let i = 0; i < 3; i++) scene.socket.part();
    expect(scene.socket.sent).toEqual([]);
    await scene.pass(200);
    expect(scene.socket.sent).toEqual(['4']);
    await scene.pass(1000);
    expect(scene.socket.sent).toEqual(['4']);
    scene.players[0]!.append = () => {};
    scene.socket.part();
    scene.socket.says({ type: 'lost', pictures: 7 });
    await scene.pass(200);
    expect(scene.socket.sent).toEqual(['4', '5']);
  });

  test('the next view tries first what worked', async () => {
    const scene = await blocked();
    scene.socket.format();
    scene.live.shown(ORIGIN);
    expect(scene.first.way).toBe('movie');
    const next = new LiveView(scene, 'room-5', scene);
    next.open();
    expect([scene.peers.length, scene.socket.path]).toEqual([1, '/api/v1/cameras/room-5/live.mp4']);
    next.close();
    scene.live.close();
  });

  test('a movie that is refused: WebRTC is asked why', async () => {
    const scene = await blocked();
    scene.answer = () => refused(409, 'camera_away');
    scene.socket.end();
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
    await scene.pass(1000);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'camera_away' });
    expect([scene.peers.length, scene.sockets.length, scene.open]).toEqual([2, 1, 0]);
  });

  test('a movie that broke is tried again as a movie', async () => {
    const scene = await blocked();
    scene.socket.format();
    scene.live.shown(ORIGIN);
    scene.socket.end();
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'lost' });
    await scene.pass(500);
    expect([scene.peers.length, scene.sockets.length]).toEqual([1, 2]);
  });

  test('a coding that WebRTC does not have here may be one that movies have', async () => {
    const scene = new Scene();
    scene.answer = () => refused(409, 'codec');
    scene.live.open();
    await scene.pass(200);
    scene.socket.format();
    scene.live.shown(ORIGIN);
    expect(scene.live.state.kind).toBe('live');
    // Not over WebRTC again.
    scene.socket.end();
    await scene.pass(500);
    scene.socket.end();
    await scene.pass(5000);
    expect(scene.sent('POST')).toHaveLength(1);
  });

  test('a camera whose stream the browser cannot play may have a small one that it can', async () => {
    const scene = await blocked();
    scene.types = ['small'];
    scene.socket.format();
    expect(scene.sockets.map(({ path, closed }) => [path, closed])).toEqual([
      [MOVIE, 1],
      [`${MOVIE}?stream=small`, 0],
    ]);
    scene.socket.format('small');
    scene.socket.part();
    scene.live.shown(ORIGIN);
    expect([scene.live.state.kind, scene.tracks.at(-1)]).toEqual(['live', 'movie 1']);
    // What came over the first socket is not confirmed on the second one.
    await scene.pass(200);
    expect(scene.socket.sent).toEqual(['2']);
  });

  test.each([
    ['none', (scene: Scene) => scene.socket.end()],
    ['one that it cannot play either', (scene: Scene) => scene.socket.format()],
  ])('and %s: it is said which type it was', async (_, second) => {
    const scene = await blocked();
    scene.first.way = 'movie';
    scene.canPlay = false;
    scene.types = [];
    scene.live.close();
    scene.live.open();
    scene.socket.format();
    second(scene);
    // WebRTC is asked, too.
    expect(scene.live.state).toMatchObject({ kind: 'refused', reason: 'browser' });
    expect(scene.open).toBe(0);
  });

  test('what is no message is dropped and counted; a player that fails ends the attempt', async () => {
    const scene = await blocked();
    scene.socket.part();
    for (const bad of ['', '{', '7', '{"type":7}', '{"type":"time","rtp":-1}', 'x'.repeat(5000)])
      scene.socket.says(bad);
    scene.socket.says({ type: 'format', mime: 7, origin: ORIGIN });
    scene.socket.says({ type: 'format', mime: MIME, origin: -1 });
    expect([scene.live.dropped, scene.players.length]).toEqual([9, 0]);
    scene.socket.says({ type: 'of a later version' });
    expect(scene.live.dropped).toBe(9);
    scene.socket.format();
    scene.live.shown(ORIGIN);
    scene.players[0]!.events.failed();
    expect(scene.live.state).toMatchObject({ kind: 'waiting', reason: 'error' });
    expect(scene.open).toBe(0);
  });
});

describe('closing', () => {
  test('ends the session and everything that was opened', async () => {
    const scene = new Scene();
    await scene.toLive();
    scene.live.close();
    expect(scene.sent('DELETE')).toEqual([{ atMs: 200, method: 'DELETE', path: `${PATH}/s1`, body: undefined }]);
    expect([scene.timers, scene.live.state.kind]).toEqual([0, 'closed']);
    expect(scene.tracks).toEqual(['track 1', null]);
    const { length } = scene.states;
    scene.peer.become('failed');
    scene.live.shown(ORIGIN);
    scene.live.close();
    await scene.pass(60_000);
    expect(scene.states.slice(length).every(({ kind }) => kind === 'closed')).toBe(true);
    expect(scene.asked).toHaveLength(2);
    // The node would have ended the session by itself, and have none to end.
    expect(scene.peersAtEnd).toEqual([0]);
    expect([scene.open, scene.peer.closed]).toEqual([0, 1]);
  });

  test('while the node is asked: the session that it still opens is ended', async () => {
    const scene = new Scene();
    let answer: (reply: LiveReply) => void = () => {};
    scene.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    scene.live.open();
    await scene.pass(200);
    scene.live.close();
    answer(created('late'));
    await scene.pass(0);
    expect(scene.sent('DELETE').map(({ path }) => path)).toEqual([`${PATH}/late`]);
    expect([scene.open, scene.live.state.kind]).toEqual([0, 'closed']);
  });

  test('while it waits: nothing is tried any more; opened again, it begins with the shortest wait', async () => {
    const scene = new Scene();
    scene.answer = () => refused(409, 'camera_away');
    scene.live.open();
    await scene.pass(20_000);
    scene.live.close();
    const { length } = scene.asked;
    await scene.pass(60_000);
    expect([scene.asked.length, scene.timers]).toEqual([length, 0]);
    scene.live.open();
    await scene.pass(0);
    expect(scene.live.state).toMatchObject({ kind: 'waiting', retryMs: scene.nowMs + 500 });
  });
});
