import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { codeOf, messageOf, UsageError } from '@vigia/base';
import type { Tls } from '#services/control-plane';
import type { ListenSetup } from '#core/api-link';

type Files = NonNullable<ListenSetup['tls']>;

/** A certificate and its key, as they were when they were read. */
export interface LoadedTls {
  readonly tls: Tls;
  /** Changes when one of the files does. */
  readonly version: string;
}

/** Reads a certificate and its key, and checks that they belong together. @throws UsageError */
export async function loadTls(files: Files): Promise<LoadedTls> {
  const version = await versionOf(files);
  const tls = { cert: await contentOf('cert', files.cert), key: await contentOf('key', files.key) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new UsageError(
      `http.tls: ${files.cert} and ${files.key} cannot be used together (${codeOf(error) ?? messageOf(error)})`,
      {
        path: 'http.tls',
        cause: error,
      },
    );
  }
  return { tls, version };
}

/** A text that differs when one of the files was replaced; the same one while they cannot be read. */
export async function versionOf({ cert, key }: Files): Promise<string> {
  const found = await Promise.all([cert, key].map((path) => stat(path).catch(() => undefined)));
  return found.map((one) => `${one?.ino} ${one?.mtimeMs} ${one?.size}`).join(', ');
}

async function contentOf(what: keyof Files, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`http.tls.${what}: ${path} cannot be read (${codeOf(error)})`, {
      path: `http.tls.${what}`,
      cause: error,
    });
  }
}
