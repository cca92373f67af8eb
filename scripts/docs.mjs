// Generates a part of docs/reference, and of the Python client, from the schemas; with --check it only reports files that
// are out of date.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, install, root } from './lib.mjs';
import { pythonClient } from './python-client.mjs';

const check = process.argv.includes('--check');
await install();
await build();
const door = (name) => import(pathToFileURL(join(root, 'packages/contracts/dist', name)).href);
const contracts = await door('index.js');
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
mkdirSync(out, { recursive: true });
const files = Object.entries(SCHEMAS).map(([name, [key, title, io]]) => {
  const schema = { title, ...contracts[key].toJSONSchema({ target: 'draft-2020-12', io, unrepresentable: 'any' }) };
  return [join(out, `${name}.schema.json`), `${JSON.stringify(schema, null, 2)}\n`];
});
const python = pythonClient({ ...contracts, ...(await door('api.js')) });
files.push(...Object.entries(python).map(([path, text]) => [join(root, path), text]));
const stale = files.filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text);
if (!check) for (const [path, text] of stale) writeFileSync(path, text);
if (check && stale.length > 0) {
  const paths = stale.map(([path]) => path.slice(root.length + 1));
  process.stderr.write(`not up to date, run \`npm run docs\`: ${paths.join(', ')}\n`);
  process.exit(1);
}
