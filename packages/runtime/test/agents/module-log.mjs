// Loader hooks that write the address of every module that is loaded, one per line, to the file in MODULES_FILE.
// `node --import module-log.mjs …` registers them: this file is both the registration and the hooks.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

export async function load(url, context, next) {
  if (!url.startsWith('node:')) appendFileSync(process.env['MODULES_FILE'] ?? '', `${url}\n`);
  return next(url, context);
}

// The hooks run in a thread of their own, where they must not be registered again.
if (isMainThread) register(import.meta.url);
