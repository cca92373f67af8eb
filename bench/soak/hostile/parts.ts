import { loadClip } from '@vigia/testkit';
import { CLIP } from '../../support/paths.ts';
import { encodeSnapshot } from '../../support/runtime-internals.ts';
import type { Random } from '../container-fuzz/random.ts';
import { ArchivePart } from './archive-cases.ts';
import { BrokerPart } from './broker-cases.ts';
import { ControlPart } from './control-cases.ts';
import { PlantPart, PLANTS } from './control-plants.ts';
import { filmed } from './filming.ts';
import { FolderPart } from './folder-cases.ts';
import { type CameraScript, HostileCamera } from './hostile-camera.ts';
import { mjpegScript } from './mjpeg-cases.ts';
import type { Part, PartMaker } from './part.ts';
import { rtspScript } from './rtsp-cases.ts';
import { RtpScripts } from './rtp-cases.ts';
import { sdpScript } from './sdp-cases.ts';
import { WorkerPart } from './worker-cases.ts';
import { YamlPart } from './yaml-cases.ts';

/** One connection is given up after 2.5 s. Milliseconds. */
const FILM_LIMIT_MS = 8_000;
const FILM_LANES = 12;
const JPEG = { width: 64, height: 48 } as const;

/** Cameras, each of one connection: through the capture of a camera process, with its decoder. */
function filming(scheme: 'rtsp' | 'http', prepared: () => Promise<(random: Random) => CameraScript>): PartMaker {
  return async (scope) => {
    const script = await prepared();
    const randoms = new Map<string, Random>();
    const camera = await HostileCamera.start((path) => {
      const random = randoms.get(path);
      randoms.delete(path);
      return random && script(random);
    });
    scope.defer(() => camera.close());
    return {
      lanes: FILM_LANES,
      limitMs: FILM_LIMIT_MS,
      play: (random, judge) => {
        randoms.set(String(judge.number), random);
        return filmed(camera.url(scheme, String(judge.number)), judge, scheme === 'http' || random.once(2));
      },
    };
  };
}

async function jpegScripts(): Promise<(random: Random) => CameraScript> {
  const data = Buffer.from(Array.from({ length: JPEG.width * JPEG.height * 3 }, (_, i) => (i * 7) & 255));
  const jpeg = await encodeSnapshot({ ...JPEG, data }, undefined);
  return (random) => mjpegScript(random, jpeg);
}

async function rtpScripts(): Promise<(random: Random) => CameraScript> {
  const scripts = new RtpScripts(await loadClip(CLIP));
  return (random) => scripts.next(random);
}

/** The boundaries that are attacked in a process of their own, by name. */
export const PARTS: Readonly<Record<string, PartMaker>> = {
  yaml: (_scope, folder) => new YamlPart(folder),
  rtsp: filming('rtsp', () => Promise.resolve(rtspScript)),
  sdp: filming('rtsp', () => Promise.resolve(sdpScript)),
  rtp: filming('rtsp', rtpScripts),
  mjpeg: filming('http', jpegScripts),
  worker: () => new WorkerPart(),
  broker: (scope) => BrokerPart.open(scope),
  control: (_scope, folder) => new ControlPart(folder),
  folders: (scope, folder) => new FolderPart(scope, folder),
  archives: (_scope, folder) => new ArchivePart(folder),
};

/** The part of a name; also one that has a planted fault. */
export function partMaker(name: string): PartMaker | undefined {
  return name in PLANTS ? (): Part => new PlantPart(name) : PARTS[name];
}
