import { UsageError, VigiaError } from '@vigia/base';
import type { CameraConfig, Config } from '@vigia/contracts';
import { parseSentConfig } from '#node/config';
import { isRecord, MASK } from './config-diff.ts';
import { refuseCameraFromNetwork } from './network-limits.ts';

/** @throws ConfigError with all sentences; UsageError for a document as this node shows it, without its secrets. */
export function parseDocument(text: string): Config {
  refuseMasks(text);
  return parseSentConfig(text);
}

function refuseMasks(text: string): void {
  if (text.includes(MASK))
    throw new UsageError(
      `document: found ${MASK}, which stands for a secret that is not shown; write the secret itself, or leave this setting as it is with a PATCH`,
    );
}

/** Checks the settings of one camera against the models and workers of the document. @throws ConfigError */
export function parseCamera(id: string, settings: unknown, before: Config, trusted: boolean): CameraConfig {
  if (!trusted) refuseCameraFromNetwork(before, id, settings);
  const { models, workers } = before;
  refuseMasks(JSON.stringify(settings) ?? '');
  // The secrets of the workers are already filled in. Their programs are looked for in their PATH.
  const programs = Object.entries(workers).map(([name, worker]) => {
    const path = worker.env['PATH'];
    return [name, { ...worker, env: path === undefined ? {} : { PATH: path } }];
  });
  const document = { version: 1, cameras: { [id]: settings }, models, workers: Object.fromEntries(programs) };
  return parseSentConfig(JSON.stringify(document)).cameras[id] as CameraConfig;
}

/** Addresses may hold secrets, which were filled in and may look like references. */
const ADDRESSES = ['source', 'detect_source'] as const;

/**
 * The settings of a camera with some of them changed (RFC 7396).
 *
 * @throws ConfigError with all problems; VigiaError `not_found`.
 */
export function patchedCamera(id: string, patch: unknown, document: Config, trusted: boolean): CameraConfig {
  const before = Object.hasOwn(document.cameras, id) ? document.cameras[id] : undefined;
  if (!before) throw new VigiaError('not_found', `there is no camera "${id}"`);
  const merged = mergePatch(before, patch);
  const kept: Partial<Record<(typeof ADDRESSES)[number], string>> = {};
  for (const key of ADDRESSES) {
    const address = before[key];
    if (address === undefined || merged[key] !== address) continue;
    kept[key] = address;
    merged[key] = address.replace(/^((?:rtsps?|https?):\/\/).*$/is, '$1kept.invalid/');
  }
  return { ...parseCamera(id, merged, document, trusted), ...kept };
}

function mergePatch(before: unknown, patch: unknown): Record<string, unknown> {
  const merged = new Map(Object.entries(isRecord(before) ? before : {}));
  for (const [key, value] of Object.entries(isRecord(patch) ? patch : {})) {
    if (value === null || value === undefined) merged.delete(key);
    else merged.set(key, isRecord(value) ? mergePatch(merged.get(key), value) : value);
  }
  // Not by assignment: `__proto__` is a key like any other, and an unknown one.
  return Object.fromEntries(merged);
}
