import { describe, expect, test } from 'vitest';
import { CameraScreen, sourceOf } from './camera-screen.ts';
import type { LiveBrowser, LiveReply, Peer, Player, Way } from './live-way.ts';
import type { TileView, Ward } from './ward.ts';
import { TestTime } from './test-time.ts';

/** The server's wall clock minus the page's clock. */
const OFFSET = Date.parse('2026-11-22T03:14:00.000Z');
const ORIGIN = 1000;

describe('the source of the large picture', () => {
  test.each([
    ['asking', 0, null, 'picture'],
    ['connecting', 0, 100, 'picture'],
    ['waiting', 100, 30_000, 'picture'],
    ['live', 100, 50, 'video'],
    ['live', 2000, 50, 'video'],
    ['live', 2001, 50, 'picture'],
    ['live', 5000, 6000, 'video'],
    ['live', 5000, null, 'video'],
  ] as const)('%s, video %i ms old, picture %s ms: %s', (live, videoMs, pictureMs, source) => {
    expect(sourceOf(live, videoMs, pictureMs)).toBe(source);
  });
});

/** A camera whose live video is connected; the test shows pictures, and sends their times. */
class Scene extends TestTime implements LiveBrowser<string> {
  pictureAgeMs: number | null = 300;
  serverMs: ((localMs: number) => number | null) | null = (localMs) => OFFSET + localMs;
  answer: LiveReply = { status: 201, body: 'v=0', location: '/api/v1/cameras/hall/whep/1', origin: `${ORIGIN}@1` };
  #message: (event: { data: unknown }) => void = () => {};
  readonly screen: CameraScreen<string> = new CameraScreen(
    'hall',
    {
      serverMs: (localMs) => this.serverMs?.(localMs) ?? null,
      tile: () => ({ picture: { ageMs: this.pictureAgeMs } }) as TileView,
    } satisfies Pick<Ward, 'serverMs' | 'tile'>,
    this,
  );

  readonly first: { way: Way } = { way: 'webrtc' };

  openSocket(): { send(): void; close(): void } {
    return { send: () => {}, close: () => {} };
  }

  openPlayer(): Player<string> {
    throw new Error('no movies');
  }

  async request(): Promise<LiveReply> {
    return this.answer;
  }

  openPeer(): Peer<string> {
    return {
      connectionState: 'new',
      localDescription: { sdp: 'v=0' },
      addTransceiver: (kind: string) => ({ receiver: { track: kind }, currentDirection: 'recvonly' }),
      createDataChannel: () => ({
        addEventListener: (type: string, listener: (event: { data: unknown }) => void) => {
          if (type === 'message') this.#message = listener;
        },
      }),
      setLocalDescription: async () => {},
      setRemoteDescription: async () => {},
      addEventListener: () => {},
      close: () => {},
    };
  }

  time(rtp: number, capturedLocalMs: number, more: object = {}): void {
    const at = new Date(OFFSET + capturedLocalMs).toISOString();
    this.#message({ data: JSON.stringify({ rtp, captured_at: at, ...more }) });
  }

  override async pass(ms: number): Promise<void> {
    await super.pass(ms);
    this.screen.show();
  }

  async connected(): Promise<void> {
    this.screen.want(true);
    await this.pass(0);
  }
}

describe('live video', () => {
  test('is covered by the picture until a picture at or behind the origin is on the screen', async () => {
    const scene = new Scene();
    await scene.connected();
    scene.time(ORIGIN, -200);
    scene.screen.presented(ORIGIN - 90);
    expect(scene.screen.shape.value.source).toBe('picture');
    scene.screen.presented(ORIGIN);
    expect(scene.screen.shape.value).toEqual({ source: 'video', video: 'live' });
    expect([scene.screen.label.value, scene.screen.why.value]).toEqual(['Video 0.2 s behind', '']);
    // The camera does not report when it captured: nobody knows how long it kept the picture.
    scene.time(ORIGIN, -200, { age_certain: false });
    scene.screen.show();
    expect(scene.screen.label.value).toBe('Video ≥ 0.2 s behind');
  });

  test('is silent until somebody wants to hear it, each time that it begins', async () => {
    const scene = new Scene();
    await scene.connected();
    expect([scene.screen.sound.value, scene.screen.hears.value]).toEqual(['audio', false]);
    scene.screen.hears.value = true;
    scene.screen.want(false);
    expect([scene.screen.sound.value, scene.screen.hears.value]).toEqual([null, false]);
    await scene.connected();
    expect([scene.screen.sound.value, scene.screen.hears.value]).toEqual(['audio', false]);
  });

  test('says how far behind the picture on the screen is, and is grey after 2 s', async () => {
    const scene = new Scene();
    scene.pictureAgeMs = null;
    await scene.connected();
    scene.time(ORIGIN, -200);
    scene.screen.presented(ORIGIN + 90 * 100);
    expect(scene.screen.label.value).toBe('Video 0.1 s behind');
    await scene.pass(1800);
    expect([scene.screen.label.value, scene.screen.shape.value.video]).toEqual(['Video 1.9 s behind', 'live']);
    await scene.pass(200);
    expect([scene.screen.age.value, scene.screen.shape.value.video]).toEqual(['2.1 s', 'old']);
  });

  test('that stands still gives way to a newer picture', async () => {
    const scene = new Scene();
    await scene.connected();
    scene.time(ORIGIN, 0);
    scene.screen.presented(ORIGIN);
    await scene.pass(2500);
    expect(scene.screen.shape.value.source).toBe('picture');
    expect(scene.screen.why.value).toBe('The live video stands still. This picture is newer.');
  });

  test('has an age that is not known until its time comes; it is old 2 s after it was shown in any case', async () => {
    const scene = new Scene();
    scene.pictureAgeMs = null;
    await scene.connected();
    scene.screen.presented(ORIGIN);
    expect(scene.screen.label.value).toBe('Video, age not known');
    scene.time(ORIGIN, -500);
    scene.screen.show();
    expect(scene.screen.label.value).toBe('Video 0.5 s behind');
    // A camera whose stamps began again: the picture on the screen keeps its own time.
    scene.screen.presented(ORIGIN + 90);
    scene.time(3_000_000_000, 0);
    await scene.pass(2100);
    expect(scene.screen.age.value).toBe('2.5 s');
  });

  test('is never a negative time behind, nor less than since it was shown, also when a clock is set', async () => {
    const scene = new Scene();
    scene.pictureAgeMs = null;
    await scene.connected();
    scene.time(ORIGIN, 40);
    scene.screen.presented(ORIGIN);
    expect(scene.screen.label.value).toBe('Video 0.0 s behind');
    scene.serverMs = (localMs) => OFFSET - 60_000 + localMs;
    await scene.pass(2100);
    expect([scene.screen.age.value, scene.screen.shape.value.video]).toEqual(['2.1 s', 'old']);
    expect(scene.screen.label.value).toBe('Video, age not known');
    scene.serverMs = null;
    await scene.pass(100);
    expect(scene.screen.age.value).toBe('2.2 s');
  });

  test('that there is none says why, and when the next try is', async () => {
    const scene = new Scene();
    scene.answer = { status: 409, body: '{"error":{"code":"camera_away"}}', location: null, origin: null };
    await scene.connected();
    const { why, retry } = scene.screen;
    expect([why.value, retry.value]).toEqual(['No live video: the camera sends none now.', 'Next try in 1 s.']);
    await scene.pass(500);
    expect(why.value).toBe('No live video: the camera sends none now.');
    scene.answer = { status: 409, body: '{"error":{"code":"privacy"}}', location: null, origin: null };
    await scene.pass(1000);
    expect(why.value).toMatch(/privacy zones/);
    expect(retry.value).toBe('');
    scene.screen.want(false);
    expect(why.value).toBe('');
  });

  test('keeps its words while it is tried again', async () => {
    const scene = new Scene();
    scene.screen.want(true);
    expect(scene.screen.why.value).toBe('Asking the node for live video');
    scene.answer = { status: 503, body: '{"error":{"code":"busy"}}', location: null, origin: null };
    await scene.pass(0);
    scene.request = () => new Promise(() => {});
    await scene.pass(1000);
    expect(scene.screen.retry.value).toBe('');
    expect(scene.screen.why.value).toBe('No live video: too many people watch this node.');
  });
});
