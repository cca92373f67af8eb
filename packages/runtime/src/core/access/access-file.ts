import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, codeOf, messageOf, sleep, VigiaError, makeFolders } from '@vigia/base';
import { type AccessDocument, NOBODY, writtenAccessSchema } from './access-document.ts';

/** Longest file, bytes. */
const SIZE_LIMIT = 16 * 1024 * 1024;
/** A file that is being written belongs to a process that died when it is older than this, milliseconds. */
const LEFT_MS = 10_000;
/** A change takes some milliseconds: as long as a disk needs to sync. */
const TRIES = 40;
const TRY_AGAIN_MS = 25;

/** The file of users, tokens and sessions. Only its owner can read it. */
export class AccessFile {
  readonly path: string;

  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
  }

  /** Reads the file; nobody when there is none. @throws VigiaError `access_damaged` with what is wrong. */
  async read(): Promise<AccessDocument> {
    try {
      const { size } = await stat(this.path);
      if (size > SIZE_LIMIT) throw new Error(`it has ${size} bytes, at most ${SIZE_LIMIT} are allowed`);
      const text = await readFile(this.path, 'utf8');
      const { users, keys } = writtenAccessSchema.parse(JSON.parse(text));
      return { users: new Map(Object.entries(users)), keys: new Map(Object.entries(keys)) };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return NOBODY;
      throw new VigiaError('access_damaged', `${this.path}: the users cannot be read (${reasonOf(error)})`, {
        path: this.path,
        cause: error,
      });
    }
  }

  /** The error for a file that was there and is not. */
  gone(): VigiaError {
    return new VigiaError('access_damaged', `${this.path}: the file of the users is gone`, { path: this.path });
  }

  /**
   * Changes the file: afterwards it is the old one or the new one, also after a power cut. Two programs that change it at
   * the same time cannot undo each other's work.
   *
   * @param edit Gets what the file has now. What it throws leaves the file as it is.
   * @returns what is stored now.
   * @throws VigiaError `access_file`, `access_damaged`
   */
  async change(edit: (document: AccessDocument) => AccessDocument): Promise<AccessDocument> {
    const next = await this.#take();
    try {
      const document = edit(await this.read());
      await next.writeFile(limited(textOf(document)));
      await next.sync();
      await rename(this.#nextPath, this.path);
      await syncFolder(dirname(this.path));
      return document;
    } catch (error) {
      await rm(this.#nextPath, { force: true }).catch(() => undefined);
      throw error instanceof VigiaError
        ? error
        : this.#failure(`their file cannot be written (${reasonOf(error)})`, error);
    } finally {
      await next.close();
    }
  }

  get #nextPath(): string {
    return `${this.path}.new`;
  }

  /** Opens the next version. Only one program at a time can; the others wait a while. */
  async #take(): Promise<FileHandle> {
    try {
      await makeFolders(dirname(this.path), 0o700);
      for (let tries = 1; tries <= TRIES; tries += 1) {
        await removeLeft(this.#nextPath, this.#clock.wallMs());
        const next = await openNew(this.#nextPath);
        if (next) return next;
        if (tries < TRIES) await sleep(this.#clock, TRY_AGAIN_MS);
      }
    } catch (error) {
      throw this.#failure(`their file cannot be written (${reasonOf(error)})`, error);
    }
    throw this.#failure('another program changes it; try again');
  }

  #failure(why: string, cause?: unknown): VigiaError {
    // Without the path: the sentence may go over the network.
    return new VigiaError('access_file', `the users cannot be changed: ${why}`, { path: this.path, cause });
  }
}

/** What would not be read again is not written. @throws VigiaError `limit` */
function limited(text: string): string {
  if (Buffer.byteLength(text) <= SIZE_LIMIT) return text;
  throw new VigiaError('limit', `the file of users would have more than ${SIZE_LIMIT} bytes`);
}

function textOf({ users, keys }: AccessDocument): string {
  const document = { version: 1, users: Object.fromEntries(users), keys: Object.fromEntries(keys) };
  return `${JSON.stringify(document)}\n`;
}

/** Undefined when it exists. */
async function openNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

async function removeLeft(path: string, nowMs: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found && Math.abs(nowMs - found.mtimeMs) > LEFT_MS) await rm(path, { force: true });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Without contents of the file: it holds hashes. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is no JSON';
  if (error instanceof Error && error.name.includes('Zod')) return 'it has another form than vigia writes';
  return codeOf(error) ?? messageOf(error);
}
