import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import Config from '@npmcli/config';
import npm from '@npmcli/config/lib/definitions/index.js';

/**
 * Options for npm's libraries, flattened: registry, proxy, cafile, cache, credentials, retries. Contains secrets: never
 * log.
 */
export type NpmOptions = Record<string, unknown>;

/**
 * The user's npm settings, resolved like npm does: environment (`npm_config_*`), the project's, the user's, the global
 * and the built-in `npmrc`.
 *
 * @param env Default: this process's. Not modified.
 * @param cwd Folder of the project's `npmrc`.
 */
export async function loadNpmOptions(
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): Promise<NpmOptions> {
  const config = new Config({
    ...npm,
    npmPath: npmFolder(env),
    // Only settings files and the environment: vigia's command line is not npm's.
    argv: [process.execPath, 'npm'],
    // A copy, because loading writes into it.
    env: { ...env },
    cwd,
    warn: false,
  });
  await config.load();
  return config.flat;
}

// npm's own folder, with its built-in npmrc (Homebrew, for one, sets the prefix there).
function npmFolder(env: NodeJS.ProcessEnv): string {
  const candidates = [env['npm_execpath'], ...(env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'npm'))];
  for (const candidate of candidates) {
    if (!candidate || !existsSync(candidate)) continue;
    const real = realpathSync(candidate);
    if (real.endsWith(join('bin', 'npm-cli.js'))) return dirname(dirname(real));
  }
  return join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm');
}
