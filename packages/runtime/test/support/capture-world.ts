import { createLog, FakeClock, type LogRecord } from '@vigia/base';
import type { Source, SourceFormat, SourceOptions } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { CaptureState, StreamCaptureOptions } from '../../src/services/stream-capture/capture-options.ts';
import { StreamCapture } from '../../src/services/stream-capture/stream-capture.ts';

/** What its sources send. */
export const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'mjpeg',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};

/** The smallest grey JPEG: a picture of 8×8 that every decoder takes. */
export const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==',
  'base64',
);

/** A capture on a source that does what the test says, on a clock that the test moves. */
export function capture(more: Partial<StreamCaptureOptions> = {}): {
  readonly clock: FakeClock;
  readonly subject: StreamCapture;
  readonly states: CaptureState[];
  readonly logged: LogRecord[];
  readonly pictures: { width: number; capturedMs: number; hiddenMs: number }[];
  readonly connections: SourceOptions[];
  readonly closed: number[];
  demand: boolean;
  /** What the sources heard of demand. */
  readonly heard: readonly boolean[];
  /** Settles what `open` waits for. */
  settle(): Promise<void>;
  /** The newest connection sends a unit. */
  unit(more?: {
    readonly data?: Buffer;
    readonly damaged?: boolean;
    readonly keyframe?: boolean;
    readonly delayMs?: number;
    /** Between its arrival and its picture. */
    readonly heldMs?: number;
  }): void;
} {
  const clock = new FakeClock();
  const states: CaptureState[] = [];
  const logged: LogRecord[] = [];
  const pictures: { width: number; capturedMs: number; hiddenMs: number }[] = [];
  const connections: SourceOptions[] = [];
  const closed: number[] = [];
  const world = { demand: true };
  const heard: boolean[] = [];
  const subject = new StreamCapture({
    url: 'rtsp://camera/stream',
    clock,
    log: createLog('test', (record) => logged.push(record)),
    sink: {
      publish: (picture: Picture) => {
        pictures.push({ width: picture.width, capturedMs: picture.capturedMs, hiddenMs: picture.stamps.hiddenMs });
        picture.release();
      },
      hasDemand: () => world.demand,
    },
    onState: (state) => states.push(state),
    backoff: { firstMs: 1000, maxMs: 8000, jitter: 0 },
    open: (options) => {
      const id = connections.push(options) - 1;
      const source: Source = {
        lostPackets: id + 1,
        demand: (wanted) => void heard.push(wanted),
        close: () => void closed.push(id),
      };
      options.onFormat(FORMAT);
      return Promise.resolve(source);
    },
    ...more,
  });
  subject.start();
  return {
    clock,
    subject,
    states,
    logged,
    pictures,
    connections,
    closed,
    heard,
    get demand() {
      return world.demand;
    },
    set demand(value) {
      world.demand = value;
    },
    settle: () => new Promise((resolve) => void setImmediate(resolve)),
    unit({ data = JPEG, damaged = false, keyframe = true, delayMs = 0, heldMs = 0 } = {}) {
      const connection = connections.at(-1) as SourceOptions;
      const now = clock.nowMs() - heldMs;
      connection.onUnit({ data, ptsMs: now - delayMs, arrivedMs: now, keyframe, damaged });
      connection.onReadEnd?.();
    },
  };
}

/** Pictures at 10 fps for this long. */
export function play(world: ReturnType<typeof capture>, ms: number, unit: Parameters<typeof world.unit>[0] = {}): void {
  for (let at = 0; at < ms; at += 100) {
    world.unit(unit);
    world.clock.advance(100);
  }
}
