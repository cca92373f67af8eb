import { pathToFileURL } from 'node:url';
import { messageOf, VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import { z } from 'zod';
import { checkedDetections } from '#decoders';
import type { RawFrame } from '#frames';
import { MODEL_TASKS, type ModelInput, type ModelTask } from '#manifest';
import { InputFiller, layoutOf } from '#preprocess';
import type { Model, ModelFacts, Seen } from './model.ts';

/** The input of a model module: a frame of the declared size, packed RGB24. Borrowed until the call ends. */
export interface AuthorFrame {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** `width * height * 3` bytes, row by row. */
  readonly data: Uint8Array;
}

/** Analyses one frame. Called for one frame at a time, off the thread of the socket: it may block. */
export type Infer = (frame: AuthorFrame) => readonly Detection[] | Promise<readonly Detection[]>;

/** The declarations of a model module. */
export interface AuthorManifest {
  /** Change it whenever results change. Default `0`. */
  readonly version?: string | undefined;
  readonly task: ModelTask;
  readonly classes: readonly string[];
  /** Of its frames, pixels. */
  readonly width: number;
  readonly height: number;
  /** Default `letterbox`. */
  readonly fit?: 'stretch' | 'letterbox' | undefined;
}

/** A model module: a JavaScript file with a manifest and one function that creates the model. */
export interface ModelModule {
  readonly manifest: AuthorManifest;
  /** Loads its resources, once, and returns the function that analyses frames. */
  load(): Infer | Promise<Infer>;
}

const pixels = z.int().min(1).max(4096);
const moduleSchema: z.ZodType<ModelModule> = z.object({
  manifest: z.strictObject({
    version: z.string().max(64).optional(),
    task: z.enum(MODEL_TASKS),
    classes: z.array(z.string()).min(1).max(10_000),
    width: pixels,
    height: pixels,
    fit: z.enum(['stretch', 'letterbox']).optional(),
  }),
  load: z.custom<ModelModule['load']>((value) => typeof value === 'function', 'a function is expected'),
});

/** A model that is a function of its author. */
export class AuthorModel implements Model {
  readonly facts: ModelFacts;
  readonly #infer: Infer;
  readonly #path: string;
  readonly #filler: InputFiller;
  readonly #frame: AuthorFrame;

  private constructor(path: string, manifest: AuthorManifest, infer: Infer) {
    const { version = '0', task, classes, width, height, fit = 'letterbox' } = manifest;
    this.facts = {
      version,
      task,
      classes,
      frame: { width, height, fit },
      maxBatch: 1,
      provider: 'module',
      p99Ms: undefined,
    };
    this.#path = path;
    this.#infer = infer;
    const input: ModelInput = { name: 'frame', width, height, format: 'RGB24', fit };
    // Other sizes are stretched, so that the author's fractions 0..1 are those of the original frame.
    this.#filler = new InputFiller(layoutOf(input), 'stretch');
    this.#frame = { width, height, data: new Uint8Array(width * height * 3) };
  }

  /** Imports a module and loads its model. @throws VigiaError `model_load` naming the problem. */
  static async open(path: string): Promise<AuthorModel> {
    const failed = (why: string, cause?: unknown): VigiaError =>
      new VigiaError('model_load', `model module ${path}: ${why}`, { path, cause });
    let module: unknown;
    try {
      module = { ...((await import(pathToFileURL(path).href)) as object) };
    } catch (error) {
      throw failed(messageOf(error), error);
    }
    const parsed = moduleSchema.safeParse(module);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw failed(`${issue?.path.join('.')}: ${issue?.message}`);
    }
    let infer: unknown;
    try {
      infer = await parsed.data.load();
    } catch (error) {
      throw failed(`load: ${messageOf(error)}`, error);
    }
    if (typeof infer !== 'function') throw failed('load must return a function that looks at one frame');
    return new AuthorModel(path, parsed.data.manifest, infer as Infer);
  }

  take(_row: number, frame: RawFrame): void {
    this.#filler.fillRow(frame, this.#frame.data, 0);
  }

  async run(): Promise<Seen[]> {
    return [{ detections: checkedDetections(await this.#infer(this.#frame), `model module ${this.#path}`) }];
  }

  async close(): Promise<void> {
    // Its resources belong to the author's code; they end with the process.
  }
}
