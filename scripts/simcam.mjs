// `npm run simcam`: installs, builds, and runs a simulated camera that can misbehave. `-- --help` lists how.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, install, root } from './lib.mjs';

checkNode();
await install();
await build();
// In this very process: one process less between a signal and the camera.
await import(pathToFileURL(join(root, 'packages/testkit/dist/simcam/main.js')).href);
