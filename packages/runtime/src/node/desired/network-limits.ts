import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '@vigia/base';
import { cameraSchema, type Config, configSchema } from '@vigia/contracts';
import { dataOf } from '#node/config';

/** Addresses of cameras that a request over the network may set. */
const NETWORK_SOURCE = /^(?:rtsps?|https?):\/\//i;
/** Settings of a worker that decide what is run, and how. */
const PROGRAM = ['command', 'module', 'dir', 'env'] as const;
const EXTERNAL = 'use the control socket or the file';

/**
 * Refuses settings with which somebody on the network could run a program or open a file of this machine. Those that are
 * in force already may stay.
 *
 * @throws UsageError
 */
export function refuseFromNetwork(before: Config, after: Config): void {
  for (const [id, worker] of Object.entries(after.workers)) {
    const known = before.workers[id];
    for (const key of PROGRAM)
      if (!isDeepStrictEqual(known?.[key] ?? NONE[key], worker[key] ?? NONE[key]))
        throw refusal(`workers.${id}.${key}`);
  }
  for (const [id, camera] of Object.entries(after.cameras)) {
    const known = before.cameras[id];
    for (const key of ['source', 'detect_source'] as const) {
      const source = camera[key];
      if (source !== undefined && source !== known?.[key] && !NETWORK_SOURCE.test(source))
        throw new UsageError(
          `cameras.${id}.${key}: over the network rtsp, rtsps, http and https addresses may be set; ${EXTERNAL}`,
        );
    }
    if (camera.tls.ca !== undefined && camera.tls.ca !== known?.tls.ca) throw refusal(`cameras.${id}.tls.ca`);
  }
  if (!isDeepStrictEqual(before.http?.tls, after.http?.tls)) throw refusal('http.tls');
  for (const key of ['path', 'archive'] as const)
    if (!isDeepStrictEqual(before.storage[key], after.storage[key])) throw refusal(`storage.${key}`);
}

/**
 * The same for a text, before it is read as a configuration: reading looks for programs and fills in references, and its
 * sentences would tell which exist.
 *
 * @throws UsageError also for references (`${NAME}`), however they are written.
 */
export function refuseTextFromNetwork(before: Config, text: string): void {
  const data = dataOf(text);
  if (JSON.stringify(data ?? null).includes('${'))
    throw new UsageError(`document: references such as \${NAME} are not filled in over the network; ${EXTERNAL}`);
  const parsed = configSchema.safeParse(data);
  if (parsed.success) refuseFromNetwork(before, parsed.data);
}

/** The same for the settings of one camera. @throws UsageError */
export function refuseCameraFromNetwork(before: Config, id: string, settings: unknown): void {
  const parsed = cameraSchema.safeParse(settings);
  if (parsed.success) refuseFromNetwork(before, { ...before, cameras: { ...before.cameras, [id]: parsed.data } });
}

/** Default of an absent setting. */
const NONE = { command: undefined, module: undefined, dir: undefined, env: {} } as const;

function refusal(path: string): UsageError {
  return new UsageError(`${path}: programs and files of this machine may not be set over the network; ${EXTERNAL}`);
}
