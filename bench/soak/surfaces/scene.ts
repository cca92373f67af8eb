import type { Scope } from '@vigia/base';
import { descendantsOf } from '../../support/processes.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';
import type { Fault } from '../camera-faults/fault-list.ts';
import { OtherCamera } from '../camera-faults/other-camera.ts';
import { secondClipOf, startCamera } from '../camera-faults/rows.ts';
import { signalAll } from '../camera-faults/stopped.ts';
import type { SoakRun } from '../soak-run.ts';

/** What happens to a camera in a row. */
export interface Scene {
  readonly name: string;
  /** An additional line of the camera's configuration. */
  readonly setting?: string | undefined;
  /** The state, `state(reason)`, that must be reported first; undefined: it is asked after a while. */
  readonly told?: string | undefined;
  /** Starts the camera. It ends with the scope. */
  readonly start: (run: SoakRun, scope: Scope) => Promise<Play>;
}

/** A camera that will misbehave. */
export interface Play {
  readonly url: string;
  begin(node: VigiaNode): Promise<void> | void;
  /** Again and again while it lasts. */
  repeat?(): void;
}

/** A row of the fault matrix, and for longer than anybody looks. */
export function sceneOf(fault: Fault): Scene {
  const { name, setting, told, faults, heldFaults = faults, drop } = fault;
  // A row without a fault that loses connections drops them all the time.
  const drops = faults.length === 0 && told.length > 0;
  return {
    name,
    setting,
    told: faults.length > 0 ? told.at(-1) : undefined,
    start: async (run, scope) => {
      const bad = await startCamera(scope, { ...fault.camera, ...(await secondClipOf(run, fault)) });
      return {
        url: bad.url,
        begin: async () => {
          if (heldFaults.length > 0) await bad.setFaults(heldFaults);
          if (drop) bad.dropClients();
        },
        ...(drops ? { repeat: () => bad.dropClients() } : {}),
      };
    },
  };
}

/** A camera of another implementation, frozen or killed. */
export function otherCamera(way: 'frozen' | 'killed'): Scene {
  return {
    name: `gst-rtsp-server ${way}`,
    told: way === 'frozen' ? 'waiting(stalled)' : 'waiting(refused)',
    start: async (_, scope) => {
      const camera = await OtherCamera.start(scope);
      return { url: camera.url, begin: () => (way === 'frozen' ? camera.signal('SIGSTOP') : camera.kill()) };
    },
  };
}

/** The node's process of the camera, stopped by SIGSTOP; and each one that replaces it. */
export const STOPPED_CAMERA_PROCESS: Scene = {
  name: 'camera process stopped, each new one too',
  told: 'waiting(process_died)',
  start: async (_, scope) => {
    const { url } = await startCamera(scope, {});
    let supervisor = 0;
    const stop = (): void => {
      const pids = descendantsOf(supervisor).filter(({ command }) => command.includes('camera-process'));
      signalAll(
        pids.map(({ pid }) => pid),
        'SIGSTOP',
      );
    };
    const begin = ({ pid }: VigiaNode): void => {
      supervisor = pid;
      stop();
    };
    return { url, begin, repeat: stop };
  },
};
