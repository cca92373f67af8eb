import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  createLog,
  formatRecord,
  Scope,
  SupervisedChild,
  systemClock,
  VigiaError,
  codeOf,
  parseLogLine,
} from '@vigia/base';
import { type Config, configSchema } from '@vigia/contracts';
import { Aedes } from 'aedes';
import { z } from 'zod';
import type { RunOptions } from './options.ts';
import { pageOf, runNode } from './run.ts';

/** Options of the demo, in addition to those of a run. */
export interface DemoOptions extends RunOptions {
  /** A video in H.264 or H.265 for the simulated camera. Default: the clip of the project. */
  readonly clip: string | undefined;
  /** Fixed ports. Default: 1884, 8470 and 8554, or any free port if they are in use. */
  readonly mqttPort: number | undefined;
  readonly httpPort: number | undefined;
  readonly rtspPort: number | undefined;
}

const DEMO_CLIP = fileURLToPath(new URL('../../assets/pedestrians.mp4', import.meta.url));
/** Somebody who falls, over and over: 6 s. Played from the file. */
const FALL_CLIP = fileURLToPath(new URL('../../assets/fall.mp4', import.meta.url));
const MQTT_PORT = 1884;
const HTTP_PORT = 8470;
const RTSP_PORT = 8554;
const CAMERA_READY_MS = 10_000;
/** Messages of the simulated camera. */
const readySchema = z.looseObject({ type: z.literal('ready'), url: z.string() });
const failedSchema = z.looseObject({ type: z.literal('failed'), code: z.string(), message: z.string() });

/**
 * Runs the whole chain on one machine: a simulated camera that speaks real RTSP, a room in which somebody falls, a person
 * detector, the fall rule, and an MQTT broker for subscribers. Only cameras and clips differ from a real installation.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const scope = new Scope();
  try {
    const mqttPort = await startBroker(options.mqttPort, scope);
    const httpPort = await freePort(options.httpPort);
    const source = await startCamera(options, scope);
    const config = demoConfig(source, mqttPort, httpPort);
    if (!options.json) {
      process.stdout.write(
        `${pageOf(config)}   open it in a browser\n\nsimulated camera ${source}\nHTTP API         http://127.0.0.1:${httpPort}/api/v1   (/api/v1/openapi.json lists its routes)\nMQTT broker      mqtt://127.0.0.1:${mqttPort}   (mosquitto_sub -p ${mqttPort} -t 'vigia/#' shows the results)\n\n`,
      );
    }
    return await runNode(config, options);
  } finally {
    await scope.close();
  }
}

function demoConfig(source: string, mqttPort: number, httpPort: number): Config {
  return configSchema.parse({
    version: 1,
    node: 'demo',
    cameras: {
      street: { source, consumers: { people: { model: 'ssdlite' } } },
      room: {
        source: `file:${FALL_CLIP}?loop`,
        consumers: { people: { model: 'ssdlite', fps: 5, sla: 'critical' } },
        rules: { fall: { from: 'people' } },
      },
    },
    models: { ssdlite: { use: 'ssdlite-mobilenet-v2' } },
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

/** Starts the simulated camera in a child process, on the default port if that is free. Resolves with its URL. */
async function startCamera(options: DemoOptions, scope: Scope): Promise<string> {
  const clip = options.clip ?? DEMO_CLIP;
  if (options.rtspPort !== undefined) return forkCamera(clip, options.rtspPort, scope);
  try {
    return await forkCamera(clip, RTSP_PORT, scope);
  } catch (error) {
    if (codeOf(error) !== 'port_in_use') throw error;
    return forkCamera(clip, 0, scope);
  }
}

async function forkCamera(clip: string, port: number, scope: Scope): Promise<string> {
  const log = createLog('demo', (record) => process.stderr.write(`${formatRecord(record)}\n`));
  let child: SupervisedChild | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
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
        connect: () => ({
          receive: (message) => {
            const failed = failedSchema.safeParse(message).data;
            if (failed) reject(new VigiaError(failed.code, failed.message));
          },
          close: () => undefined,
        }),
        onState: () => undefined,
        readyTimeoutMs: CAMERA_READY_MS,
        restart: { firstMs: 1_000, maxMs: 5_000 },
      });
      const started = child;
      scope.defer(() => started.stop());
      started.start();
    });
  } catch (error) {
    await child?.stop();
    throw error;
  }
}
