// `npm run setup`: installs and builds, and does nothing when that is done.
import { build, checkNode, install } from './lib.mjs';

checkNode();
await install();
await build();
