import type { Clock } from '@vigia/base';
import type { ModelStore, OnProgress } from '#model-store';
import type { ModelAddress } from './model-address.ts';
import type { Wishes } from './wishes.ts';

/** Options of `addModel`. */
export interface AddOptions {
  readonly store: ModelStore;
  /** The model's name in `use`. */
  readonly id: string;
  readonly address: ModelAddress;
  readonly wishes: Wishes;
  /** A picture with objects that the model must detect at every start. Default: a built-in one of pedestrians. */
  readonly golden?: string | undefined;
  /** Called with one line per step. */
  readonly tell: (line: string) => void;
  readonly onProgress?: OnProgress | undefined;
  /** Called once, after all lines and before anything is stored. */
  readonly confirm: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}
