import type { DecoderSettings, Fit, ModelTask } from '#manifest';

/** Built-in decoders. */
export const KNOWN_DECODERS = ['ssd', 'yolov8', 'movenet', 'movenet-multipose', 'foreground'] as const;
/** See {@link KNOWN_DECODERS}. */
export type KnownDecoder = (typeof KNOWN_DECODERS)[number] & DecoderSettings['kind'];

/** Three numbers, one per channel. */
export type PerChannel = readonly [number, number, number];

/** Options of the user who adds a model. Omitted ones are determined or guessed, and shown. */
export interface Wishes {
  readonly task?: ModelTask | undefined;
  readonly decoder?:
    | { readonly kind: 'known'; readonly name: KnownDecoder }
    /** A JavaScript module (`DecoderModule`). */
    | { readonly kind: 'module'; readonly path: string }
    | undefined;
  /** Name per class id. */
  readonly classes?: readonly string[] | undefined;
  /** Pixels. */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  readonly fit?: Fit | undefined;
  readonly mean?: PerChannel | undefined;
  readonly scale?: PerChannel | undefined;
  readonly order?: 'RGB' | 'BGR' | undefined;
  /** SPDX id of the weights' licence. */
  readonly licence?: string | undefined;
  /** Least confidence of a reported detection, 0..1. */
  readonly threshold?: number | undefined;
}
