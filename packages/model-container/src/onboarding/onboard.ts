import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { compareWithGolden, lookAt } from '#inference';
import { formatManifest, frameOf, MODEL_FILES, type ModelManifest } from '#manifest';
import { openModel, openNetwork } from '#model';
import { GOLDEN_TOLERANCE, type ResolvedModel, writeDurably } from '#model-store';
import type { AddOptions } from './add-options.ts';
import { conventionalClasses } from './class-names.ts';
import { describeInput, inputOf } from './conventions.ts';
import { takeDecoderFile } from './decoder-file.ts';
import { describePort, type Geometry, geometryOf } from './geometry.ts';
import { describeDetections, readGoldenPicture } from './golden-picture.ts';
import { measure } from './measure.ts';
import type { Measurement } from './measurement.ts';
import { recognise, shapesOf } from './recognise.ts';
import { checkScoreRange } from './score-range.ts';
import { type Found, findNetwork } from './find-network.ts';

/** All runs here use one thread of the CPU: a container's default. */
const PLAIN = { threads: 1, provider: 'cpu' } as const;
/** Largest batch to try, for a graph that accepts several frames. */
const LARGEST_BATCH = 4;
/** Licence when none is stated. */
const UNKNOWN_LICENCE = 'unknown';
/** More lines than this about one picture are of no use. */
const SHOWN_DETECTIONS = 20;

/** See `addModel`. */
export async function onboard(options: AddOptions): Promise<ResolvedModel> {
  const { store, id, tell, confirm, signal } = options;
  store.checkFree(id);
  const model = await store.add(id, async (dir) => {
    const found = await findNetwork(options, dir);
    signal?.throwIfAborted();
    const { draft, openBatch } = await describe(found, dir, options);
    const proven = await prove(draft, dir, options);
    signal?.throwIfAborted();
    const manifest = await measured(proven, dir, openBatch, options);
    signal?.throwIfAborted();
    if (!(await confirm())) throw new VigiaError('declined', `model ${id} was not added`);
    await replaceManifest(dir, manifest);
    return manifest;
  });
  tell(`added: model ${id} ${model.manifest.version} in ${model.dir}; use it with models: { ${id}: { use: ${id} } }`);
  return model;
}

interface Described {
  readonly draft: ModelManifest;
  readonly openBatch: boolean;
}

/** Describes the network by its shapes, its author's notes and the options. */
async function describe({ facts, ...found }: Found, dir: string, options: AddOptions): Promise<Described> {
  const { wishes, tell, id } = options;
  tell(`inputs: ${facts.inputs.map(describePort).join(', ')}; outputs: ${facts.outputs.map(describePort).join(', ')}`);
  const geometry = geometryOf(facts.inputs, wishes);
  const decoded = await decoderOf(geometry, found, dir, options);
  const input = inputOf(geometry, decoded.decoder.kind, wishes);
  const classes = classNames(decoded, facts.notes.classes, options);
  tell(`decoder: ${decoded.text}; ${classes.length} ${classes.length === 1 ? 'class' : 'classes'}`);
  tell(`pictures: ${describeInput(input, wishes)}`);
  const licence = wishes.licence ?? facts.notes.licence ?? found.licence ?? UNKNOWN_LICENCE;
  if (wishes.licence === undefined)
    tell(`licence: ${licence}${licenceNote(found, facts.notes.licence)}; --licence says otherwise`);
  const draft: ModelManifest = {
    schema: 1,
    id,
    version: '0'.repeat(12),
    sha256: found.sha256,
    licence,
    source: found.source,
    task: wishes.task ?? decoded.task,
    classes: [...classes],
    input,
    decoder: decoded.decoder,
    ...(found.remote ? { remote: found.remote } : {}),
  };
  return { draft, openBatch: geometry.openBatch };
}

function licenceNote({ licence }: Pick<Found, 'licence'>, noted: string | undefined): string {
  if (noted !== undefined) return ', as the file says';
  return licence === undefined ? '' : ', as the package around the weights says of itself';
}

interface Decoded extends Pick<ModelManifest, 'decoder' | 'task'> {
  /** Number of classes in the outputs; undefined when only the decoder's author knows. */
  readonly classes: number | undefined;
  readonly className?: string;
  readonly text: string;
}

async function decoderOf(
  geometry: Geometry,
  { remote }: Pick<Found, 'remote'>,
  dir: string,
  { wishes }: AddOptions,
): Promise<Decoded> {
  const { decoder: wished, threshold } = wishes;
  if (wished?.kind === 'module') {
    if (threshold !== undefined) throw new UsageError('--threshold: a decoder of your own has its own threshold');
    const decoder = await takeDecoderFile(wished.path, dir);
    return { decoder, task: 'detection', classes: undefined, text: `${wished.path}, copied` };
  }
  // Its output shapes are certain only after a run, with any input.
  const network = await openNetwork(
    dir,
    { input: { ...geometry, format: 'RGB24', fit: 'stretch' }, remote },
    undefined,
    PLAIN,
  );
  try {
    const [tensors = []] = await network.run(1);
    const { assumed, ...found } = recognise(shapesOf(tensors), geometry, wished?.name, threshold);
    return { ...found, text: `${found.decoder.kind} (taken for granted: ${assumed})` };
  } finally {
    await network.close();
  }
}

function classNames(
  { classes: count, className = 'object' }: Pick<Decoded, 'classes' | 'className'>,
  noted: readonly string[] | undefined,
  { wishes }: AddOptions,
): readonly string[] {
  if (count === undefined) {
    const names = wishes.classes ?? noted;
    if (names) return names;
    throw new UsageError('--classes is missing: with a decoder of your own, only you know them');
  }
  if (wishes.classes && wishes.classes.length !== count)
    throw new UsageError(`--classes: ${wishes.classes.length} names found, the outputs have ${count} classes`);
  const names = wishes.classes ?? (noted?.length === count ? noted : undefined) ?? conventionalClasses(count);
  if (names) return names;
  if (count === 1) return [className];
  throw new UsageError(`--classes is missing: the outputs have ${count} classes, whose names are unknown`);
}

/** Runs the whole model on a picture; the detections become the ones expected at every start. */
async function prove(draft: ModelManifest, dir: string, { golden, tell }: AddOptions): Promise<ModelManifest> {
  const frame = frameOf(draft);
  const picture = await readGoldenPicture(golden, frame);
  await writeDurably(join(dir, MODEL_FILES.golden), picture.pixels);
  await replaceManifest(dir, draft);
  await checkScoreRange(dir, draft, picture.pixels);
  const { detections, inferenceMs } = await lookTwice(dir, picture.pixels);
  tell(`golden picture ${picture.name}: ${detections.length} seen, ${inferenceMs.toFixed(1)} ms`);
  const lines = describeDetections(detections, frame, picture);
  for (const line of lines.slice(0, SHOWN_DETECTIONS)) tell(`  ${line}`);
  if (lines.length > SHOWN_DETECTIONS) tell(`  and ${lines.length - SHOWN_DETECTIONS} more`);
  if (lines.length === 0)
    tell(
      '  nothing: that proves little; give a picture of what it looks for with --golden, or check the guesses above',
    );
  const sha256 = createHash('sha256').update(picture.pixels).digest('hex');
  return { ...draft, golden: { file: MODEL_FILES.golden, sha256, detections: [...detections], ...GOLDEN_TOLERANCE } };
}

async function lookTwice(
  dir: string,
  pixels: Buffer,
): Promise<{ detections: readonly Detection[]; inferenceMs: number }> {
  const { model } = await openModel({ source: { kind: 'folder', dir }, ...PLAIN });
  try {
    const { detections } = await lookAt(model, pixels);
    const again = await lookAt(model, pixels);
    const golden = { file: '', sha256: '', detections: [...detections], ...GOLDEN_TOLERANCE };
    const problem = compareWithGolden(again.detections, golden, 0);
    if (!problem) return { detections, inferenceMs: again.inferenceMs };
    throw new VigiaError(
      'model_unsuitable',
      `it sees something else each time it looks at the same picture: ${problem}`,
    );
  } finally {
    await model.close();
  }
}

async function measured(
  proven: ModelManifest,
  dir: string,
  openBatch: boolean,
  { tell, clock, signal }: AddOptions,
): Promise<ModelManifest> {
  const largest = openBatch ? LARGEST_BATCH : 1;
  await replaceManifest(dir, { ...proven, input: { ...proven.input, max_batch: largest } });
  tell(`measuring${openBatch ? ', 1, 2 and 4 pictures at a time' : ''}: up to half a minute`);
  const found = await measure(dir, {
    largest,
    clock,
    signal,
    onBatch: ({ size, runsMs }) => tell(`  ${size} at a time: ${runsMs.length} runs`),
  });
  tell(describeMeasurement(found));
  const { p99Ms, maxBatch, memoryMib, batches } = found;
  const content = { ...proven, input: { ...proven.input, ...(maxBatch > 1 ? { max_batch: maxBatch } : {}) } };
  return {
    ...content,
    // Measurements are excluded: adding the same model again gives the same version.
    version: versionOf(proven),
    memory_mib: memoryMib,
    speed: {
      ms_per_picture: Object.fromEntries(batches.map(({ size, msPerPicture }) => [String(size), msPerPicture])),
      p99_ms: p99Ms,
      threads: PLAIN.threads,
      provider: proven.remote ? 'remote' : PLAIN.provider,
    },
  };
}

function describeMeasurement({ batches, p99Ms, maxBatch, memoryMib, refused }: Measurement): string {
  const speeds = batches.map(({ size, msPerPicture }) => `${msPerPicture.toFixed(1)} ms at ${size}`).join(', ');
  const why = refused ? `; ${refused}` : '';
  return `measured: per picture ${speeds} (p99 ${p99Ms.toFixed(1)} ms), so max_batch ${maxBatch}${why}; ${memoryMib} MiB at most`;
}

/** Changes with everything that affects results, not with measurements. */
function versionOf(manifest: ModelManifest): string {
  const { version: _version, ...content } = manifest;
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
}

async function replaceManifest(dir: string, manifest: ModelManifest): Promise<void> {
  await writeFile(join(dir, MODEL_FILES.manifest), formatManifest(manifest));
}
