/** The options that benchmarks of labelled clips share. */
export interface FootageOptions {
  readonly seconds: number;
  /** Folder of the clips. */
  readonly footage: string;
  readonly labels: string;
  /** Results a second. */
  readonly fps: number;
  /** Clips with this in their names. */
  readonly only: string;
  readonly markdown: boolean;
}

/** For `parseArgs`. */
export const FOOTAGE_OPTIONS = {
  footage: { type: 'string' },
  labels: { type: 'string' },
  fps: { type: 'string', default: '5' },
  only: { type: 'string', default: '' },
  markdown: { type: 'boolean', default: false },
} as const satisfies Readonly<
  Record<string, { type: 'string'; default?: string } | { type: 'boolean'; default: boolean }>
>;

/** What `parseArgs` makes of {@link FOOTAGE_OPTIONS}. */
interface Values {
  readonly footage?: string | undefined;
  readonly labels?: string | undefined;
  readonly fps: string;
  readonly only: string;
  readonly markdown: boolean;
}

/** @throws Error that names what is missing or wrong. */
export function footageOptions({ footage, labels, fps: text, only, markdown }: Values): FootageOptions {
  if (footage === undefined || labels === undefined) throw new Error('--footage DIR and --labels FILE are needed');
  return { seconds: 0, footage, labels, fps: numberIn('--fps', text, 1, 15), only, markdown };
}

/** @throws Error that names what is allowed. */
export function numberIn(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (value >= least && value <= most) return value;
  throw new Error(`${option} ${text}: ${least} to ${most} are allowed`);
}
