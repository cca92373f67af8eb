#!/usr/bin/env node
// Stands here, and not in dist/, so that npm can link it before anything is built.
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
try {
  await import(main.href);
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  process.stderr.write(
    `vigia: it is not installed yet: run \`npm run demo\` once in ${root}, which installs and builds\n`,
  );
  process.exitCode = 1;
}
