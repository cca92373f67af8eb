import type { NodeItem } from '@vigia/contracts';
import { AgeHistogram, type Quantiles } from '#node/children';

/** Ages of the ok results of every consumer, for the report. Subscribes to the node's stream. */
export class ResultAges {
  readonly #ages = new Map<string, AgeHistogram>();

  /** Handles an item of the stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type !== 'result' || item.result.status !== 'ok') return;
    const key = `${item.result.camera}/${item.result.consumer}`;
    const ages = this.#ages.get(key) ?? new AgeHistogram();
    this.#ages.set(key, ages);
    ages.record(item.result.age_ms);
  };

  /** Null before the first ok result. */
  of(camera: string, consumer: string): Quantiles | null {
    return this.#ages.get(`${camera}/${consumer}`)?.quantiles() ?? null;
  }

  /** The consumer was replaced or removed. */
  forget(camera: string, consumer: string): void {
    this.#ages.delete(`${camera}/${consumer}`);
  }

  /** The camera was removed. */
  forgetCamera(camera: string): void {
    for (const key of this.#ages.keys()) if (key.startsWith(`${camera}/`)) this.#ages.delete(key);
  }
}
