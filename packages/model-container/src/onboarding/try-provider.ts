import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childEnvironment, messageOf, quoted, VigiaError } from '@vigia/base';
import type { Provider } from '@vigia/contracts';

/** Compiled, from sources and build alike: Node 20 cannot start a child from TypeScript. */
const ENTRY = fileURLToPath(new URL('../../dist/onboarding/provider-entry.js', import.meta.url));
/** A GPU's libraries take seconds to load. */
const LIMIT_MS = 60_000;
const SENTENCE_LIMIT = 600;

/**
 * Starts a provider as a container would, in a process of its own: the libraries of a GPU may end theirs.
 *
 * @throws VigiaError `provider` with the reason, when it does not start here.
 */
export async function tryProvider(provider: Provider): Promise<void> {
  if (provider === 'cpu') return;
  const why = await new Promise<string>((resolve) => {
    const options = { env: childEnvironment(), timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(process.execPath, [ENTRY, provider], options, (error, stdout) => {
      resolve(error ? `provider "${provider}" does not start on this machine: ${messageOf(error)}` : stdout);
    });
  });
  if (why !== '') throw new VigiaError('provider', quoted(why, SENTENCE_LIMIT));
}
