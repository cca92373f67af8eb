// `npm run demo`: installs, builds, and shows the whole chain. Later runs start at once.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, install, root } from './lib.mjs';

checkNode();
await install();
await build();
// In this process: signals then have one process less between them and the node.
process.argv.splice(2, 0, 'demo');
await import(pathToFileURL(join(root, 'packages/runtime/dist/main.js')).href);
