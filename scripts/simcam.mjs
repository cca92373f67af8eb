// `npm run simcam`: installs, builds, and runs a simulated camera. `-- --help` lists its faults.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, install, root } from './lib.mjs';

checkNode();
await install();
await build();
// In this process: signals then have one process less between them and the camera.
await import(pathToFileURL(join(root, 'packages/testkit/dist/simcam/main.js')).href);
