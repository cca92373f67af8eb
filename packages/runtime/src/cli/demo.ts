import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ChannelPort,
  createLog,
  every,
  formatRecord,
  Scope,
  SupervisedChild,
  systemClock,
  VigiaError,
  codeOf,
  parseLogLine,
} from '@vigia/base';
import { type Config, configSchema } from '@vigia/contracts';
import { dataDirOf } from '#core/node-dirs';
import { Aedes } from 'aedes';
import { z } from 'zod';
import type { RunOptions } from './options.ts';
import { pageOf, runNode } from './run.ts';

/** Options of the demo, in addition to those of a run. */
export interface DemoOptions extends RunOptions {
  /** A video in H.264 or H.265 for the camera `street`. Default: the clip of the project. */
  readonly clip: string | undefined;
  /** Fixed ports. Default: 1884, 8470 and 8554, or any free port if they are in use. */
  readonly mqttPort: number | undefined;
  readonly httpPort: number | undefined;
  readonly rtspPort: number | undefined;
}

/** The cameras of the ward: each plays a clip over and over. */
const CLIPS = {
  street: clipPath('pedestrians'),
  /** Somebody who falls: 6 s. */
  room: clipPath('fall'),
  /** Somebody who sits down on the edge of a bed: 10 s. */
  bedroom: clipPath('bedroom'),
  shop: clipPath('shop'),
} as const;
type CameraId = keyof typeof CLIPS;
/** Where the bed of `bedroom` is, from its far edge to where its sheets end. */
const BED: [number, number][] = [
  [0.05, 0.53],
  [0.615, 0.53],
  [0.615, 0.64],
  [0.05, 0.64],
];
/** This camera fails, and comes back by itself: its power is cut for so long, so often. */
const FAILING: CameraId = 'shop';
const FAILS = { fault: 'reboot:12s', everyMs: 60_000 } as const;
const MQTT_PORT = 1884;
const HTTP_PORT = 8470;
const RTSP_PORT = 8554;
const CAMERA_READY_MS = 10_000;
/** How long a camera stands still that somebody froze. Milliseconds. */
const FROZEN_MS = 8_000;

/** A simulated camera in a process of its own. */
interface DemoCamera {
  readonly url: string;
  /** From now on it misbehaves in these ways. */
  fail(faults: readonly string[]): void;
  /** Keeps its connection and sends nothing for {@link FROZEN_MS}. */
  freeze(): void;
}

/** Messages of the simulated camera. */
const readySchema = z.looseObject({ type: z.literal('ready'), url: z.string() });
const failedSchema = z.looseObject({ type: z.literal('failed'), code: z.string(), message: z.string() });

/**
 * Runs the whole chain on one machine: simulated cameras that speak real RTSP, of which one shows somebody who falls and one
 * fails every minute, a person detector, rules for falls and beds, a recorder, and an MQTT broker for subscribers. Only the cameras
 * differ from a real installation, and that its parts may be broken on purpose.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const scope = new Scope();
  try {
    const mqttPort = await startBroker(options.mqttPort, scope);
    const httpPort = await freePort(options.httpPort);
    const cameras = await startCameras(options, scope);
    const config = demoConfig(cameras, mqttPort, httpPort);
    const failing = every(systemClock, FAILS.everyMs, () => cameras[FAILING].fail([FAILS.fault]));
    scope.defer(() => failing.cancel());
    if (!options.json) {
      process.stdout.write(
        `${pageOf(config)}   open it in a browser\n\nsimulated camera ${cameras.street.url}   (and ${Object.keys(cameras).length - 1} more)\nHTTP API         http://127.0.0.1:${httpPort}/api/v1   (/api/v1/openapi.json lists its routes)\nMQTT broker      mqtt://127.0.0.1:${mqttPort}   (mosquitto_sub -p ${mqttPort} -t 'vigia/#' shows the results)\n\n`,
      );
    }
    // The schema of a camera's id is wider than the ids of this demo: an admin may have added others.
    const freeze = (camera: string): void => {
      if (!isOwn(camera))
        throw new VigiaError('not_found', `camera ${camera} is not one of the demo’s: it cannot be frozen from here`);
      cameras[camera].freeze();
    };
    return await runNode({ config, written: config }, options, { freeze });
  } finally {
    await scope.close();
  }
}

/** So that the timeline has something to show, and a preview of zones something to play. */
const RECORD = { keep: '1h', keep_events: '1h' };

function isOwn(camera: string): camera is CameraId {
  return Object.hasOwn(CLIPS, camera);
}

function demoConfig(cameras: Readonly<Record<CameraId, DemoCamera>>, mqttPort: number, httpPort: number): Config {
  const camera = (id: CameraId, order: number, name: string, more: object): object => ({
    source: cameras[id].url,
    name,
    order,
    ...more,
  });
  const people = (fps: number, sla: string): object => ({ people: { model: 'ssdlite', fps, sla } });
  return configSchema.parse({
    version: 1,
    node: 'demo',
    cameras: {
      room: camera('room', 1, 'Living room', {
        consumers: people(5, 'critical'),
        record: RECORD,
        rules: { fall: { from: 'people' } },
      }),
      bedroom: camera('bedroom', 2, 'Bedroom', {
        consumers: people(5, 'high'),
        zones: { bed: { kind: 'bed', points: BED } },
        record: RECORD,
        rules: { bed: { from: 'people', zone: 'bed' } },
      }),
      shop: camera('shop', 3, 'Shop', { consumers: people(3, 'high') }),
      street: camera('street', 4, 'Street', { consumers: people(5, 'normal') }),
    },
    models: { ssdlite: { use: 'ssdlite-mobilenet-v2' } },
    // Not where a node that is none of a demo keeps its footage: it would be removed.
    storage: { path: join(dataDirOf(), 'demo-footage'), max_bytes: '200MB' },
    mqtt: { url: `mqtt://127.0.0.1:${mqttPort}`, commands: false },
    http: { listen: `127.0.0.1:${httpPort}` },
  });
}

async function startBroker(port: number | undefined, scope: Scope): Promise<number> {
  const broker = await Aedes.createBroker();
  scope.defer(() => new Promise<void>((resolve) => broker.close(() => resolve())));
  const server = createServer((socket) => broker.handle(socket));
  scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  if (port !== undefined) return listen(server, port, '--mqtt-port');
  return listen(server, MQTT_PORT, '--mqtt-port').catch(() => listen(server, 0, '--mqtt-port'));
}

/** A port for the node's API: the default one, or any if that is in use. */
async function freePort(port: number | undefined): Promise<number> {
  const server = createServer();
  try {
    if (port !== undefined) return await listen(server, port, '--http-port');
    return await listen(server, HTTP_PORT, '--http-port').catch(() => listen(server, 0, '--http-port'));
  } finally {
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

function listen(server: Server, port: number, option: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const text =
        codeOf(error) === 'EADDRINUSE'
          ? 'is in use; choose another, or leave the option out to take any'
          : `cannot be used (${codeOf(error)})`;
      reject(new VigiaError('port_in_use', `${option}: port ${port} of 127.0.0.1 ${text}`, { cause: error }));
    };
    server.once('error', onError);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', onError);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** Starts the simulated cameras, each in a child process; the street's on the default port if that is free. */
async function startCameras(options: DemoOptions, scope: Scope): Promise<Record<CameraId, DemoCamera>> {
  const [street, room, bedroom, shop] = await Promise.all([
    startStreet(options, scope),
    forkCamera(CLIPS.room, 0, scope),
    forkCamera(CLIPS.bedroom, 0, scope),
    forkCamera(CLIPS.shop, 0, scope),
  ]);
  return { street, room, bedroom, shop };
}

async function startStreet(options: DemoOptions, scope: Scope): Promise<DemoCamera> {
  const clip = options.clip ?? CLIPS.street;
  if (options.rtspPort !== undefined) return forkCamera(clip, options.rtspPort, scope);
  try {
    return await forkCamera(clip, RTSP_PORT, scope);
  } catch (error) {
    if (codeOf(error) !== 'port_in_use') throw error;
    return forkCamera(clip, 0, scope);
  }
}

/** Resolves when it serves. */
async function forkCamera(clip: string, port: number, scope: Scope): Promise<DemoCamera> {
  const log = createLog('demo', (record) => process.stderr.write(`${formatRecord(record)}\n`));
  let child: SupervisedChild | undefined;
  try {
    let parent: ChannelPort | undefined;
    const url = await new Promise<string>((resolve, reject) => {
      child = new SupervisedChild({
        name: 'simulated camera',
        entry: fileURLToPath(import.meta.resolve('@vigia/testkit/simulated-camera')),
        args: [JSON.stringify({ clip, port, stampSendTime: true })],
        clock: systemClock,
        log: { ...log, warn: () => undefined },
        onLog: (record) => log.info(parseLogLine(record.message, 'simulated camera').message),
        onReady: (message) => {
          const ready = readySchema.safeParse(message);
          if (ready.success) resolve(ready.data.url);
          else reject(new VigiaError('internal', 'the simulated camera did not say where it is'));
        },
        connect: (ipc) => {
          parent = ipc;
          return {
            receive: (message) => {
              const failed = failedSchema.safeParse(message).data;
              if (failed) reject(new VigiaError(failed.code, failed.message));
            },
            close: () => {
              parent = undefined;
            },
          };
        },
        onState: () => undefined,
        readyTimeoutMs: CAMERA_READY_MS,
        restart: { firstMs: 1_000, maxMs: 5_000 },
      });
      const started = child;
      scope.defer(() => started.stop());
      started.start();
    });
    const tell = (command: object): void => parent?.send(command, () => undefined);
    let frozen: { cancel(): void } | undefined;
    scope.defer(() => frozen?.cancel());
    return {
      url,
      fail: (faults) => tell({ type: 'faults', faults }),
      freeze: () => {
        frozen?.cancel();
        tell({ type: 'pause' });
        frozen = systemClock.after(FROZEN_MS, () => tell({ type: 'resume' }));
      },
    };
  } catch (error) {
    await child?.stop();
    throw error;
  }
}

function clipPath(name: string): string {
  return fileURLToPath(new URL(`../../assets/${name}.mp4`, import.meta.url));
}
