import type { RecoveryPoint } from '#core/media';

/**
 * The way of one stream from a recovery point to whole pictures. Units are counted as they go into the decoder, pictures as
 * they come out. It fails with the first loss on the way; a failed one never ends.
 */
export class Recovery {
  #references: number;
  #pictures: number;
  /** The unit whose picture is the last reference picture to wait for; 0 while it is not known. */
  #target = 0;
  #passed = false;
  #failed = false;
  /** Pictures are whole, from the one for which `cameOut` returned true on. */
  done = false;

  /** Whether the decoder knows no picture that the first one may refer to. The caller sets it to false. */
  needsReference: boolean;

  /** @param fresh Whether the decoder knows no picture. */
  constructor({ references, pictures }: RecoveryPoint, fresh: boolean) {
    this.#references = references;
    this.#pictures = pictures;
    this.needsReference = fresh && references > 1;
  }

  /** Pictures to wait for, at most. */
  get left(): number {
    return this.#references + this.#pictures;
  }

  /** A unit goes into the decoder. */
  wentIn(unitId: number, reference: boolean): void {
    if (!reference || this.#references === 0) return;
    this.#references -= 1;
    if (this.#references === 0) this.#target = unitId;
  }

  /** The picture of a unit comes out. Returns whether it is whole. */
  cameOut(unitId: number): boolean {
    if (this.#failed || this.done) return this.done;
    if (unitId === this.#target) this.#passed = true;
    else if (this.#passed) this.#pictures -= 1;
    this.done = this.#passed && this.#pictures <= 0;
    return this.done;
  }

  /** The decoder gives no picture for a unit. If it was the one to wait for, the next reference picture takes its place. */
  swallowed(unitId: number): void {
    if (unitId === this.#target && !this.#passed) this.#references = 1;
  }

  /** Something on the way is lost. Pictures that are known to be whole stay so. */
  fail(): void {
    if (!this.done) this.#failed = true;
  }
}
