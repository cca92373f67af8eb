// The tool `npm run simcam`: see scripts/simcam.mjs.
import { createInterface } from 'node:readline';
import { runSimcam } from './simcam.ts';

const stop = new AbortController();
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    signals += 1;
    // The first signal stops in order, the second one at once.
    if (signals > 1) process.exit(130);
    stop.abort();
  });
}

const code = await runSimcam(process.argv.slice(2), {
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
  onLine: (listener) => createInterface({ input: process.stdin }).on('line', listener),
  stop: stop.signal,
});
process.exit(code);
