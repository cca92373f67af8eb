#!/usr/bin/env node

/** The oldest Node that has all that vigia uses. An older one cannot even load it. */
const OLDEST = [20, 19] as const;

function isTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

/** Arguments → app → exit code. */
async function main(): Promise<void> {
  if (isTooOld()) {
    process.stderr.write(
      `vigia: Node ${process.versions.node} is too old: ${OLDEST.join('.')} or newer is needed (22 or 24 is what to deploy)\n`,
    );
    process.exitCode = 2;
    return;
  }
  // Not above: an older Node refuses them before it runs anything.
  const [{ messageOf, quotedLines, UsageError }, { runCli }] = await Promise.all([
    import('@vigia/base'),
    import('#cli'),
  ]);
  // A reader of our output that goes away (`| head`) ends us like one Ctrl-C would, instead of with a stack.
  process.stdout.once('error', () => process.kill(process.pid, 'SIGTERM'));
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  try {
    process.exitCode = await runCli(process.argv.slice(2));
  } catch (error) {
    for (const line of quotedLines(messageOf(error))) process.stderr.write(`vigia: ${line}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

await main();
