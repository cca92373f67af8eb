import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatManifest, MODEL_FILES, type ModelManifest } from '#manifest';
import type { AddOptions } from './add-options.ts';
import type { Found } from './find-network.ts';

/** All runs while a model is added use one thread of the CPU: a container's default. */
export const PLAIN = { threads: 1, provider: 'cpu' } as const;

/** What an inspection needs of the options of `addModel`. */
export type InspectOptions = Pick<AddOptions, 'id' | 'wishes' | 'golden' | 'tell'>;

/** Parent → inspecting process, its only message. */
export interface InspectRequest {
  /** The model's folder under construction. */
  readonly dir: string;
  readonly found: Found;
  readonly options: Omit<InspectOptions, 'tell'>;
}

/** What an inspection finds. */
export interface Inspected {
  /** The manifest but for the measurements. */
  readonly proven: ModelManifest;
  /** Whether the graph accepts several frames per run. */
  readonly openBatch: boolean;
}

/** Inspecting process → its parent. `done` or `failed` is the last message. */
export type InspectReport =
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'failed'; readonly usage: boolean; readonly code: string; readonly message: string }
  | ({ readonly type: 'done' } & Inspected);

/** Writes a model's manifest over the one in its folder. */
export async function replaceManifest(dir: string, manifest: ModelManifest): Promise<void> {
  await writeFile(join(dir, MODEL_FILES.manifest), formatManifest(manifest));
}
