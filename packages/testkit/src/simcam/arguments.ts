import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '@vigia/base';
import {
  type AuthOptions,
  MARKERS,
  PARAMETER_SETS,
  parseFaults,
  QUIRKS,
  type Quirk,
  SET_PACKETS,
  type SimulatedCameraSettings,
} from '#simulated-camera';

/** Cameras of one tool at the same time. */
const MAX_CAMERAS = 100;
const DEFAULT_PORT = 8554;
/** The demo's footage. */
const DEFAULT_CLIP = fileURLToPath(new URL('../../../runtime/assets/pedestrians.mp4', import.meta.url));

/** The parsed command line. */
export interface SimcamArguments {
  readonly help: boolean;
  /** Applies to every camera, except the port: that of the first, the others follow; 0 takes any free ports. */
  readonly settings: SimulatedCameraSettings & { readonly port: number };
  readonly cameras: number;
  /** Undefined: no TLS; `self-signed`: create a certificate. */
  readonly tls: 'self-signed' | { readonly certPath: string; readonly keyPath: string } | undefined;
}

/** One option of the command line. */
export interface SimcamOption {
  readonly name: string;
  /** Name of its value in the help; undefined for a switch. */
  readonly value?: string;
  readonly repeated?: boolean;
  readonly help: string;
}

/** All options, in the order of the help. */
export const OPTIONS: readonly SimcamOption[] = [
  { name: 'clip', value: 'FILE', help: 'video file with an H.264 or H.265 track (default: the demo’s pedestrians)' },
  { name: 'host', value: 'ADDRESS', help: 'address to listen on (default 127.0.0.1)' },
  { name: 'port', value: 'N', help: `port, 0 for any free one (default ${DEFAULT_PORT})` },
  { name: 'path', value: '/PATH', help: 'path of the stream (default /stream)' },
  { name: 'cameras', value: 'N', help: `number of cameras on consecutive ports, 1 to ${MAX_CAMERAS}` },
  { name: 'user', value: 'NAME', help: 'user name that clients need (default: none)' },
  { name: 'password', value: 'TEXT', help: 'password of that user' },
  { name: 'auth', value: 'SCHEME', help: 'authentication: basic, digest (default) or digest-sha256' },
  { name: 'fps', value: 'N', help: 'frames per second (default: the clip’s own)' },
  { name: 'audio', value: 'KIND', help: 'sound: none (default), pcma, pcmu, or the clip’s own aac' },
  { name: 'transport', value: 'KIND', help: 'tcp, udp or both (default)' },
  { name: 'parameter-sets', value: 'PLACE', help: `in front of ${PARAMETER_SETS.join(', ')} (the SDP, nowhere else)` },
  { name: 'parameter-set-packets', value: 'KIND', help: `${SET_PACKETS.join(', ')} (one packet for all)` },
  { name: 'markers', value: 'KIND', help: `marker bit on: ${MARKERS.join(', ')} (default last, as it should be)` },
  { name: 'tls', help: 'speak rtsps, with a self-signed certificate' },
  { name: 'tls-cert', value: 'FILE', help: 'or with this certificate (PEM)' },
  { name: 'tls-key', value: 'FILE', help: 'and its key' },
  {
    name: 'manners',
    value: 'FILE',
    repeated: true,
    help: 'replay recorded replies: a file, or a prefix such as reolink',
  },
  { name: 'quirk', value: 'NAME', repeated: true, help: 'a peculiarity of real cameras, see below' },
  { name: 'fault', value: 'NAME[:ARG]', repeated: true, help: 'a fault that is active from the start, see below' },
  { name: 'second-clip', value: 'FILE', help: 'the clip for resolution and codec-change' },
  { name: 'seed', value: 'N', help: 'make identifiers and the targets of faults reproducible' },
  { name: 'help', help: 'print this help' },
];

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/**
 * Parses the command line.
 *
 * @throws UsageError, or VigiaError `bad_fault`: one sentence each.
 */
export function parseSimcamArguments(args: readonly string[]): SimcamArguments {
  const values = parse(args);
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const list = (name: string): string[] => (values[name] as string[] | undefined) ?? [];
  const faults = list('fault');
  parseFaults(faults);
  const [fps, seed, secondClip] = [text('fps'), text('seed'), text('second-clip')];
  const audio = audioOf(text('audio'));
  const auth = authOf(text('auth'), text('user'), text('password'));
  return {
    help: values['help'] === true,
    cameras: integer('cameras', text('cameras') ?? '1', 1, MAX_CAMERAS),
    tls: tlsOf(values['tls'] === true, text('tls-cert'), text('tls-key')),
    settings: {
      clip: text('clip') ?? DEFAULT_CLIP,
      host: text('host') ?? '127.0.0.1',
      port: integer('port', text('port') ?? String(DEFAULT_PORT), 0, 65_535),
      path: text('path') ?? '/stream',
      transports: transportsOf(text('transport') ?? 'both'),
      mannersFiles: list('manners'),
      quirks: list('quirk').map(quirkOf),
      faults,
      ...(auth && { auth }),
      ...(audio && { audio }),
      ...packetizationOf(text),
      ...(fps !== undefined && { fps: real('fps', fps, 0.1, 240) }),
      ...(seed !== undefined && { seed: integer('seed', seed, 0, 2 ** 32 - 1) }),
      ...(secondClip !== undefined && { secondClip }),
    },
  };
}

function parse(args: readonly string[]): Values {
  const options = Object.fromEntries(
    OPTIONS.map(({ name, value, repeated = false }) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: repeated },
    ]),
  );
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (cause) {
    // Its further sentences are advice that does not apply here.
    const first = messageOf(cause).split(/\.\s|\n/)[0] ?? '';
    throw new UsageError(`${first.replace(/\.$/, '')}: --help lists the options`, { cause });
  }
}

function real(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name} is "${text}": a number in ${min}..${max} is needed`, { path: name });
}

function integer(name: string, text: string, min: number, max: number): number {
  if (/^\d+$/.test(text)) return real(name, text, min, max);
  throw new UsageError(`--${name} is "${text}": an integer in ${min}..${max} is needed`, { path: name });
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} is "${text}": one of ${allowed.join(', ')} is needed`, { path: name });
}

function packetizationOf(
  text: (name: string) => string | undefined,
): Pick<SimulatedCameraSettings, 'parameterSets' | 'parameterSetPackets' | 'markers'> {
  const [sets, packets, markers] = [text('parameter-sets'), text('parameter-set-packets'), text('markers')];
  return {
    ...(sets !== undefined && { parameterSets: oneOf('parameter-sets', sets, PARAMETER_SETS) }),
    ...(packets !== undefined && { parameterSetPackets: oneOf('parameter-set-packets', packets, SET_PACKETS) }),
    ...(markers !== undefined && { markers: oneOf('markers', markers, MARKERS) }),
  };
}

const AUDIO = ['none', 'pcma', 'pcmu', 'aac'] as const;

function audioOf(text: string | undefined): (typeof AUDIO)[number] | undefined {
  return text === undefined ? undefined : oneOf('audio', text, AUDIO);
}

function transportsOf(text: string): ('tcp' | 'udp')[] {
  const kind = oneOf('transport', text, ['tcp', 'udp', 'both']);
  return kind === 'both' ? ['tcp', 'udp'] : [kind];
}

function quirkOf(text: string): Quirk {
  return oneOf('quirk', text, Object.keys(QUIRKS) as Quirk[]);
}

function authOf(
  scheme: string | undefined,
  user: string | undefined,
  password: string | undefined,
): AuthOptions | undefined {
  if (scheme === undefined && user === undefined && password === undefined) return undefined;
  if (user === undefined || password === undefined) {
    throw new UsageError('--user, --password and --auth go together: a user and a password are needed');
  }
  return { scheme: oneOf('auth', scheme ?? 'digest', ['basic', 'digest', 'digest-sha256']), user, password };
}

function tlsOf(self: boolean, certPath: string | undefined, keyPath: string | undefined): SimcamArguments['tls'] {
  if (certPath !== undefined && keyPath !== undefined) return { certPath, keyPath };
  if (certPath === undefined && keyPath === undefined) return self ? 'self-signed' : undefined;
  throw new UsageError('--tls-cert and --tls-key go together: both are needed, or --tls alone');
}
