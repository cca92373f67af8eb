import { createLog, jsonLineSink, messageOf, UsageError } from '@vigia/base';
import { Container } from './container.ts';
import { parseArguments } from './arguments.ts';

// Entry of a container process: `node main.js --model-id ID --model DIR --socket PATH [--threads N] [--allow-dir DIR]...`

const log = createLog('model', jsonLineSink);
try {
  const container = await Container.start(parseArguments(process.argv.slice(2)));
  container.attachToProcess();
} catch (error) {
  log.error(messageOf(error));
  // The parent waits for this instead of reading the log; a closed channel means that the container has failed.
  if (process.connected) process.disconnect();
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
