// A simulated camera in a process of its own: `fork(entry, [JSON.stringify(options)])`, or by hand on a terminal.
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { checkOptions, type SimulatedCameraOptions } from './options.ts';
import { type CameraEvent, toMessage } from './process-messages.ts';
import { SimulatedCamera } from './simulated-camera.ts';

const hasParent = process.send !== undefined;

// Without a parent, events are printed as one JSON line each. `then` runs when the event has been sent, or lost.
function tell(event: CameraEvent, then: () => void = () => {}): void {
  if (!hasParent) process.stdout.write(`${JSON.stringify(event)}\n`, then);
  // `disconnect` reports a dead parent; losing this message does not matter.
  else if (process.connected) process.send?.(event, undefined, {}, then);
  else then();
}

function failure(error: unknown): CameraEvent {
  return { type: 'failed', code: codeOf(error) ?? 'internal', message: messageOf(error) };
}

function readOptions(argument: string | undefined): SimulatedCameraOptions & { reportUnits: boolean } {
  let value: unknown;
  try {
    value = JSON.parse(argument ?? '');
  } catch (cause) {
    throw new VigiaError('bad_option', 'the first argument is not JSON: an object with at least "clip" is needed', {
      cause,
    });
  }
  const { reportUnits, ...options } = { reportUnits: false, ...(value as object) } as { reportUnits: unknown };
  checkOptions(options);
  return { ...options, reportUnits: reportUnits === true };
}

function obey(camera: SimulatedCamera, command: unknown): void {
  const type = typeof command === 'object' && command !== null && 'type' in command ? command.type : undefined;
  if (type === 'step') {
    const unit = camera.step();
    tell({ type: 'stepped', unit: unit ? toMessage(unit) : null });
  } else if (type === 'pause') camera.pause();
  else if (type === 'resume') camera.resume();
  else if (type === 'drop_clients') camera.dropClients();
  else if (type === 'faults') void obeyFaults(camera, command);
  else if (type === 'stop') void stop(camera);
}

async function obeyFaults(camera: SimulatedCamera, command: unknown): Promise<void> {
  const faults: unknown = typeof command === 'object' && command !== null && 'faults' in command ? command.faults : [];
  try {
    if (!Array.isArray(faults)) throw new VigiaError('bad_fault', 'faults is no list: a list of NAME[:ARG] is needed');
    await camera.setFaults(faults.map(String));
    tell({ type: 'faults', faults: camera.faults });
  } catch (error) {
    tell(failure(error));
  }
}

async function stop(camera: SimulatedCamera | undefined): Promise<never> {
  await camera?.close();
  process.exit(0);
}

async function main(): Promise<void> {
  let camera: SimulatedCamera | undefined;
  // Subscribed first: if the parent dies while the clip is being read, the process still exits.
  process.on('SIGTERM', () => void stop(camera));
  // A terminal sends Ctrl-C to the whole group: with a parent, the parent decides.
  process.on('SIGINT', () => (hasParent ? undefined : void stop(camera)));
  process.on('disconnect', () => void stop(camera));
  // The parent may have died while the modules were loading, before anything listened.
  if (hasParent && !process.connected) await stop(undefined);
  const { reportUnits, ...options } = readOptions(process.argv[2]);
  camera = await SimulatedCamera.start({
    ...options,
    ...(reportUnits ? { onUnitSent: (unit) => tell({ type: 'unit', unit: toMessage(unit) }) } : {}),
    onPlayingChanged: (sessions) => tell({ type: 'playing', sessions }),
    onNotice: (notice) => {
      if (notice.type === 'fault_over') tell({ type: 'faults', faults: camera?.faults ?? [] });
      if (notice.type === 'port_lost') tell({ type: 'failed', code: 'port_in_use', message: notice.message });
    },
  });
  const started = camera;
  process.on('message', (command) => {
    try {
      obey(started, command);
    } catch (error) {
      tell(failure(error));
    }
  });
  tell({ type: 'ready', url: camera.url, port: camera.port });
}

try {
  await main();
} catch (error) {
  // Exiting before the message has been sent would lose it.
  tell(failure(error), () => process.exit(1));
}
