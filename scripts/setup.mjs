// `npm run setup`: installs and builds, unless both are up to date, and installs the pre-commit check.
import { spawnSync } from 'node:child_process';
import { build, checkNode, install, output, root } from './lib.mjs';

checkNode();
await install();
await build();
if (process.env.VIGIA_HOOKS !== 'off') installHooks();

/** Lets git run .githooks/pre-commit, unless the clone has hooks of its own. */
function installHooks() {
  const git = (...args) => ['-C', root, ...args];
  if (output('git', git('rev-parse', '--is-inside-work-tree')) === undefined) return;
  if (output('git', git('config', 'core.hooksPath')) !== undefined) return;
  if (spawnSync('git', git('config', 'core.hooksPath', '.githooks')).status === 0)
    process.stderr.write('vigia: git commit now checks format and types (VIGIA_HOOKS=off skips it)\n');
}
