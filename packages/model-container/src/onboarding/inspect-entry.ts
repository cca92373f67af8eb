import { join } from 'node:path';
import { codeOf, messageOf, quoted, UsageError } from '@vigia/base';
import { MODEL_FILES } from '#manifest';
import { describe, type Readable } from './describe.ts';
import type { Found } from './find-network.ts';
import type { InspectOptions, InspectReport, InspectRequest } from './inspection.ts';
import { readOnnxFacts } from './onnx-facts.ts';
import { prove } from './prove.ts';

/** Of an error: ONNX Runtime says several lines, with names of the file. Characters. */
const LONGEST = 1_000;

// Entry of the inspecting process: its parent sends one request, kills it after the last report, and discards the
// model's folder if it dies before.

const report = (message: InspectReport): void => {
  process.send?.(message);
};

async function inspected({ dir, found, options }: InspectRequest): Promise<InspectReport> {
  const told: InspectOptions = { ...options, tell: (line) => report({ type: 'line', line }) };
  const { draft, openBatch } = await describe(await withFacts(found, dir), dir, told);
  return { type: 'done', proven: await prove(draft, dir, told), openBatch };
}

/** Weights are read here for the first time. */
async function withFacts(found: Found, dir: string): Promise<Readable> {
  return { ...found, facts: found.facts ?? (await readOnnxFacts(join(dir, MODEL_FILES.onnx))) };
}

process.once('disconnect', () => process.exit(1));
// A terminal sends it to the whole group; the parent ends this process.
process.on('SIGINT', () => undefined);
process.once('message', (request: InspectRequest) => {
  inspected(request).then(report, (error: unknown) => {
    const usage = error instanceof UsageError;
    const message = usage ? messageOf(error) : quoted(messageOf(error).trim(), LONGEST);
    report({ type: 'failed', usage, code: codeOf(error) ?? 'model_unsuitable', message });
  });
});
