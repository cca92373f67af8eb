import { UsageError } from '@vigia/base';
import type { ModelManifest } from '#manifest';
import { openNetwork } from '#model';
import { conventionalClasses } from './class-names.ts';
import { describeInput, inputOf } from './conventions.ts';
import { takeDecoderFile } from './decoder-file.ts';
import type { Found } from './find-network.ts';
import { describePort, type Geometry, geometryOf } from './geometry.ts';
import { type InspectOptions, PLAIN } from './inspection.ts';
import type { NetworkFacts } from './onnx-facts.ts';
import { recognise, shapesOf } from './recognise.ts';

/** Licence when none is stated. */
const UNKNOWN_LICENCE = 'unknown';

/** A network whose inputs and outputs are known. */
export type Readable = Found & { readonly facts: NetworkFacts };

/** A network as a model: everything but what is measured. */
export interface Described {
  readonly draft: ModelManifest;
  readonly openBatch: boolean;
}

/**
 * Describes the network by its shapes, its author's notes and the options.
 *
 * @throws UsageError for options that must be changed; VigiaError `model_unsuitable`, `model_load`.
 */
export async function describe(
  { facts, ...found }: Readable,
  dir: string,
  options: InspectOptions,
): Promise<Described> {
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
  { wishes }: InspectOptions,
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
  { wishes }: InspectOptions,
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
