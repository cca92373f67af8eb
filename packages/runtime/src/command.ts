import { messageOf, quotedLines, UsageError } from '@vigia/base';
import { runCli } from '#cli';

/** Arguments → app → exit code. */
export async function runCommand(): Promise<void> {
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
