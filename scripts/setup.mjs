// `npm run setup`: installs and builds, unless both are up to date.
import { build, checkNode, install } from './lib.mjs';

checkNode();
await install();
await build();
