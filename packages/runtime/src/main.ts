#!/usr/bin/env node

/** The oldest Node that has all that vigia uses. An older one cannot even load it. */
const OLDEST = [20, 19] as const;

function isTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

async function main(): Promise<void> {
  if (isTooOld()) {
    process.stderr.write(
      `vigia: Node ${process.versions.node} is too old: ${OLDEST.join('.')} or newer is needed (22 or 24 is what to deploy)\n`,
    );
    process.exitCode = 2;
    return;
  }
  // Not above: an older Node refuses them before it runs anything.
  const { bundledCommand } = await import('./bundle.ts');
  const bundled = bundledCommand();
  const { runCommand } = bundled === undefined ? await import('./command.ts') : await bundled();
  await runCommand();
}

await main();
