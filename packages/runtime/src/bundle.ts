import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as command from './command.ts';

/** `manifest.json` in the folder of the bundles. Paths in it are relative to that folder. */
export interface BundleManifest {
  /** The folder in it that holds the bundles. */
  readonly folder: string;
  /** Path → {@link stampOf}. While these files are untouched, so is the build. */
  readonly stamps: Readonly<Record<string, string>>;
  /** Files whose content says which code was bundled, and the {@link contentOf} them. */
  readonly inputs: readonly string[];
  readonly content: string;
}

/** Where `scripts/bundle.mjs` writes. */
export const BUNDLES: string = fileURLToPath(new URL('../dist/bundle/', import.meta.url));

/**
 * The command as one bundle. Undefined: there is none of the present build, or `VIGIA_BUNDLE` is `off`.
 *
 * This is the only place that chooses. A bundle starts the bundles of its own build, and modules start modules: a running node
 * never mixes two builds.
 */
export function bundledCommand(): (() => Promise<typeof command>) | undefined {
  const folder = process.env['VIGIA_BUNDLE'] === 'off' ? undefined : currentBundle(BUNDLES);
  if (folder === undefined) return undefined;
  const { href } = pathToFileURL(join(folder, 'command/command.js'));
  return async () => (await import(href)) as typeof command;
}

/** The folder with the bundles of the present build. Undefined: there is none, or it was made from other code. */
export function currentBundle(dir: string): string | undefined {
  try {
    const { folder, stamps, inputs, content } = JSON.parse(
      readFileSync(join(dir, 'manifest.json'), 'utf8'),
    ) as BundleManifest;
    const untouched = Object.entries(stamps).every(([path, stamp]) => stampOf(join(dir, path)) === stamp);
    // A copied tree has other times, and the same content.
    return untouched || contentOf(dir, inputs) === content ? join(dir, folder) : undefined;
  } catch {
    // No bundle, or no build. The modules are right either way.
    return undefined;
  }
}

/** When a file was written, and its size. */
export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs} ${stat.size}` : 'none';
}

/** A hash over files. @throws when one is missing. */
export function contentOf(dir: string, paths: readonly string[]): string {
  // Here and not above: it takes some milliseconds, and is seldom needed.
  const sum = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const path of paths) sum.update(`${path}\n`).update(readFileSync(join(dir, path)));
  return sum.digest('hex');
}
