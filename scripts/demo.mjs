// `npm run demo`: installs, builds, and shows the whole chain. A second run starts at once.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, install, root } from './lib.mjs';

checkNode();
await install();
await build();
// In this very process: one process less between a signal and the node.
process.argv.splice(2, 0, 'demo');
await import(pathToFileURL(join(root, 'packages/runtime/dist/main.js')).href);
