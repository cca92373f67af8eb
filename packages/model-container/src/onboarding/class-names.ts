import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from '@vigia/base';
import { COCO_80_CLASSES, COCO_CLASSES } from '#decoders';

/** COCO's ids with a background class in front: the numbering of SSD models from TensorFlow. */
const BACKGROUND_FIRST = 91;
const LIMIT = 10_000;

/**
 * Parses `--classes`: `coco` (90 ids with gaps), `coco80`, a file with one name per line, or comma-separated names. An
 * empty name is a gap in the numbering.
 *
 * @throws UsageError naming the problem.
 */
export function parseClasses(text: string): readonly string[] {
  if (text === 'coco') return COCO_CLASSES;
  if (text === 'coco80') return COCO_80_CLASSES;
  const isFile = text.includes('/') || /\.(?:txt|names|labels)$/.test(text);
  const names = (isFile ? linesOf(text) : text.split(',')).map((name) => name.trim());
  if (names.length > LIMIT || names.every((name) => name === ''))
    throw new UsageError(`--classes ${text}: ${names.length} names found, 1 to ${LIMIT} are allowed`);
  return names;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').replace(/\n$/, '').split(/\r?\n/);
  } catch (error) {
    throw new UsageError(
      `--classes ${file}: ${messageOf(error)}; allowed are a file with one name per line, coco, coco80, or names with commas between them`,
      { cause: error },
    );
  }
}

/** Default names for a number of classes: those of COCO; undefined for other numbers. */
export function conventionalClasses(count: number): readonly string[] | undefined {
  if (count === COCO_80_CLASSES.length) return COCO_80_CLASSES;
  if (count === COCO_CLASSES.length) return COCO_CLASSES;
  return count === BACKGROUND_FIRST ? ['', ...COCO_CLASSES] : undefined;
}
