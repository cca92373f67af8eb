// Plays the cases of parts of `hostile`, one part after the other, in a process of its own: `PART,PART SEED FIRST COUNT
// FOLDER`. Writes the number of the case that it begins to FOLDER/case, and a line of JSON for each part. Its parent
// judges memory, hangs and exits.
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { addSecret, Scope } from '@vigia/base';
import { playContainer } from './hostile/container-cases.ts';
import { playCases, type Tally } from './hostile/part.ts';
import { partMaker } from './hostile/parts.ts';
import { LOGIN } from './hostile/planted.ts';

const [names = '', seed, first, count, folder = ''] = process.argv.slice(2);
const cases = { seed: Number(seed), first: Number(first), count: Number(count) };
const mark = openSync(join(folder, 'case'), 'w');

// As a camera process or the node knows them from its configuration.
addSecret(LOGIN.password);
addSecret(`${LOGIN.user}:${LOGIN.password}`);

async function play(name: string, scope: Scope): Promise<Tally> {
  if (name === 'containers') return playContainer(scope, cases);
  const files = join(folder, name.replaceAll(' ', '-'));
  mkdirSync(files);
  const part = await partMaker(name)?.(scope, files);
  if (!part) throw new Error(`there is no part ${name}`);
  return playCases(part, cases, (number) => void writeSync(mark, String(number).padEnd(12), 0));
}

for (const name of names.split(',')) {
  const scope = new Scope();
  const tally = await play(name, scope);
  await scope.close();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  await new Promise((done) => process.stdout.write(`${JSON.stringify({ name, ...tally, peakBytes })}\n`, done));
}
process.exit(0);
