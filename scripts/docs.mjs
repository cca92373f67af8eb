// Generates a part of docs/reference from the schemas; with --check it only reports files that are out of date.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, install, root } from './lib.mjs';

const check = process.argv.includes('--check');
await install();
await build();
const contracts = await import(pathToFileURL(join(root, 'packages/contracts/dist/index.js')).href);
const out = join(root, 'docs/reference/schemas');
const SCHEMAS = {
  configuration: ['configSchema', 'vigia.yml', 'input'],
  result: ['resultMessageSchema', 'A result, on vigia/<node>/<camera>/<consumer>/result', 'output'],
  'camera-state': ['cameraStateMessageSchema', 'A camera’s state, on vigia/<node>/<camera>/state', 'output'],
  'worker-state': ['workerStateMessageSchema', 'A worker’s state, on vigia/<node>/<camera>/<consumer>/state', 'output'],
  event: ['eventMessageSchema', 'An event for version 1 listeners, on vigia/<node>/<camera>/event', 'output'],
  'node-event': ['nodeEventSchema', 'An event of a node, on vigia/<node>/<camera>/event/<kind>', 'output'],
  'node-status': ['nodeStatusMessageSchema', 'A node’s status, on vigia/<node>/status', 'output'],
  'command-reply': ['commandReplySchema', 'The answer to a command, on vigia/<node>/reply/<id>', 'output'],
  stats: ['consumerReportSchema', 'Statistics of a consumer, on vigia/<node>/<camera>/<consumer>/stats', 'output'],
  report: ['reportSchema', 'The report of a run', 'output'],
  'infer-request': ['inferRequestSchema', 'Model container protocol: infer', 'input'],
  'infer-response': ['inferResponseSchema', 'Model container protocol: answer to infer', 'output'],
};
const stale = [];
mkdirSync(out, { recursive: true });
for (const [name, [key, title, io]] of Object.entries(SCHEMAS)) {
  const schema = { title, ...contracts[key].toJSONSchema({ target: 'draft-2020-12', io, unrepresentable: 'any' }) };
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  const path = join(out, `${name}.schema.json`);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  stale.push(path.slice(root.length + 1));
  if (!check) writeFileSync(path, text);
}
if (check && stale.length > 0) {
  process.stderr.write(`not up to date, run \`npm run docs\`: ${stale.join(', ')}\n`);
  process.exit(1);
}
