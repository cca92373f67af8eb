import { readFileSync } from 'node:fs';
import { assertNever, type Clock, codeOf, messageOf, systemClock, UsageError, VigiaError } from '@vigia/base';
import {
  type CameraNotice,
  type Clip,
  loadClip,
  SimulatedCamera,
  type SimulatedCameraStats,
  type TlsOptions,
} from '#simulated-camera';
import { parseSimcamArguments, type SimcamArguments } from './arguments.ts';
import { selfSignedCertificate } from './certificate.ts';
import { faultTable, helpText } from './help.ts';

/** The tool's surroundings. */
export interface SimcamIo {
  /** Prints a line, or several. */
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Calls back with each typed line. */
  readonly onLine: (listener: (line: string) => void) => void;
  /** Aborted to stop the tool. */
  readonly stop: AbortSignal;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Faults of the machine, not of the user's input. */
const NOT_USAGE = new Set(['port_in_use', 'listen_failed', 'no_openssl']);

/**
 * Runs the tool until it is stopped. Resolves with the exit code: 0, 2 for a usage error, 1 for others. Never throws.
 */
export async function runSimcam(args: readonly string[], io: SimcamIo): Promise<number> {
  try {
    const parsed = parseSimcamArguments(args);
    if (parsed.help) {
      io.print(helpText());
      return 0;
    }
    await new Simcam(io).run(parsed);
    return 0;
  } catch (error) {
    io.complain(`simcam: ${messageOf(error)}`);
    return error instanceof VigiaError && !NOT_USAGE.has(codeOf(error) ?? '') ? 2 : 1;
  }
}

class Simcam {
  readonly #io: SimcamIo;
  readonly #clock: Clock;
  readonly #cameras: SimulatedCamera[] = [];
  #changes: Promise<void> = Promise.resolve();

  constructor(io: SimcamIo) {
    this.#io = io;
    this.#clock = io.clock ?? systemClock;
  }

  async run(args: SimcamArguments): Promise<void> {
    try {
      await this.#start(args);
      this.#io.onLine((line) => this.#onLine(line.trim()));
      await aborted(this.#io.stop);
      await this.#changes;
      for (const [i, camera] of this.#cameras.entries()) this.#io.print(summary(i + 1, camera.stats()));
    } finally {
      await Promise.all(this.#cameras.map((camera) => camera.close()));
    }
  }

  async #start({ settings, cameras, tls }: SimcamArguments): Promise<void> {
    const clip = await loadClip(settings.clip);
    // Read once for all cameras.
    const second = settings.secondClip === undefined ? undefined : await loadClip(settings.secondClip);
    const pair = tlsOf(tls, settings.host);
    for (let i = 0; i < cameras; i += 1) {
      const camera = await this.#startOne(i, settings, clip, second, pair);
      this.#cameras.push(camera);
      this.#io.print(`camera ${i + 1}: ${camera.url}${settings.auth ? ` (user ${settings.auth.user})` : ''}`);
    }
    const { codec, width, height } = clip;
    this.#io.print(`${clip.path}: ${codec}, ${width}×${height}, ${Number((settings.fps ?? clip.fps).toFixed(2))} fps`);
  }

  #startOne(
    index: number,
    settings: SimcamArguments['settings'],
    clip: Clip,
    secondClip: Clip | undefined,
    tls: TlsOptions | undefined,
  ): Promise<SimulatedCamera> {
    const port = settings.port === 0 ? 0 : settings.port + index;
    if (port > 65_535)
      throw new UsageError(`--port ${settings.port} leaves no port for camera ${index + 1}: a lower one is needed`);
    return SimulatedCamera.start({
      ...settings,
      clip,
      port,
      ...(secondClip && { secondClip }),
      ...(tls && { tls }),
      ...(settings.seed !== undefined && { seed: (settings.seed + index) % 2 ** 32 }),
      onPlayingChanged: (playing) => this.#say(index, `${playing} playing`),
      onNotice: (notice) => this.#say(index, wordsOf(notice)),
    });
  }

  #say(index: number, words: string): void {
    const time = new Date(this.#clock.wallMs()).toISOString().slice(11, 19);
    this.#io.print(`${time} camera ${index + 1}: ${words}`);
  }

  #onLine(line: string): void {
    if (line === '') return;
    if (line === '?' || line === 'help') {
      this.#io.print(faultTable());
      return;
    }
    this.#changes = this.#changes.then(() => this.#change(line));
  }

  /** `ok`, or space-separated faults, which are added to the active ones or replace those of the same name. */
  async #change(line: string): Promise<void> {
    const wanted = line === 'ok' ? [] : line.split(/\s+/);
    const names = new Set(wanted.map(nameOf));
    for (const camera of this.#cameras) {
      const kept = line === 'ok' ? [] : camera.faults.filter((fault) => !names.has(nameOf(fault)));
      try {
        await camera.setFaults([...kept, ...wanted]);
      } catch (error) {
        this.#io.complain(`simcam: ${messageOf(error)}`);
        return;
      }
    }
  }
}

function nameOf(fault: string): string {
  return fault.split(':')[0] ?? '';
}

function wordsOf(notice: CameraNotice): string {
  switch (notice.type) {
    case 'connected':
    case 'disconnected':
      return `client ${notice.client} ${notice.type}`;
    case 'fault_began':
      return `fault ${notice.fault} began`;
    case 'fault_ended':
      return `fault ${notice.fault} ended`;
    case 'fault_over':
      return 'back by itself';
    case 'port_lost':
      return `cannot come back: ${notice.message}`;
    default:
      return assertNever(notice, 'camera notice');
  }
}

function summary(number: number, stats: SimulatedCameraStats): string {
  const replies = Object.entries(stats.replies).map(([status, count]) => `${status}×${count}`);
  const { lost, reordered, duplicated, garbled } = stats.packets;
  const spoiled = Object.entries({ lost, reordered, duplicated, garbled }).filter(([, count]) => count > 0);
  return [
    `camera ${number}: ${stats.connectionsTotal} connections, ${stats.sessionsTotal} sessions`,
    `${stats.unitsSent} pictures sent (${stats.keyframesSent} keyframes), ${stats.unitsDropped} dropped`,
    ...(stats.audioPacketsSent > 0 ? [`${stats.audioPacketsSent} packets of sound`] : []),
    ...spoiled.map(([what, count]) => `${count} packets ${what}`),
    `${(stats.bytesSent / 1e6).toFixed(1)} MB`,
    `${stats.receiverReports} receiver reports`,
    `replies ${replies.join(' ') || 'none'}`,
  ].join(', ');
}

function tlsOf(tls: SimcamArguments['tls'], host = '127.0.0.1'): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  if (tls === 'self-signed') return selfSignedCertificate(host);
  return { cert: read('tls-cert', tls.certPath), key: read('tls-key', tls.keyPath) };
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`--${name} ${path} cannot be read (${messageOf(cause)}): a PEM file is needed`, { cause });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
