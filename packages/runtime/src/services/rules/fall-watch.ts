import { type Clock, type Log, messageOf } from '@vigia/base';
import type { Detection, ResultMessage, ZoneConfig } from '@vigia/contracts';
import { BLIND_MS, FALL_LEAST_SCORE, type FallChange, FallRule, type Look } from '@vigia/rules';
import type { Picture } from '#core/media/libav';

/** Looks at a part of a picture again: see `SecondLook`. */
export interface Looker {
  look(
    picture: Picture,
    square: { readonly x: number; readonly y: number; readonly side: number },
    turn: 0 | 90,
    done: (found: readonly Detection[] | undefined) => void,
  ): void;
  cancel(): void;
}

/** A change, with the picture that decided. */
export interface FallNews {
  readonly change: FallChange;
  /** When that picture was captured. Wall time, milliseconds since 1970. */
  readonly capturedWallMs: number;
  /** Its age when it was decided. Milliseconds. */
  readonly ageMs: number;
}

/** Options of {@link FallWatch}. */
export interface FallWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: the model cannot look at parts of a picture. */
  readonly looker: Looker | undefined;
  readonly zones: readonly ZoneConfig[];
  /** See {@link FallRule}. */
  readonly longLieMs: number | undefined;
  readonly onNews: (news: FallNews) => void;
}

/** Feeds the fall rule with the results of a consumer and with the looks that it wishes. */
export class FallWatch {
  /** Detections of this confidence are wanted beside those of the results. */
  readonly faintFrom: number = FALL_LEAST_SCORE;
  readonly #o: FallWatchOptions;
  #rule: FallRule | undefined;
  #aspect = 0;
  /** The picture whose looks are out. */
  #open: { readonly picture: Picture; readonly looks: readonly Look[] } | undefined;
  #newest: Pick<Picture['stamps'], 'capturedMs' | 'capturedWallMs'> | undefined;
  #seenMs: number | undefined;
  #isBlind = false;

  constructor(options: FallWatchOptions) {
    this.#o = options;
  }

  /** An `ok` result. @param faint What the model saw less surely. @param picture Borrowed until the call returns. */
  seen({ detections }: ResultMessage, faint: readonly Detection[], picture: Picture): void {
    this.#finish();
    this.#seenMs = this.#o.clock.nowMs();
    this.#isBlind = false;
    const rule = this.#ruleFor(picture);
    const { capturedMs, capturedWallMs } = picture.stamps;
    this.#newest = { capturedMs, capturedWallMs };
    const looks = rule.see(capturedMs, [...(detections ?? []), ...faint]);
    if (looks.length === 0 || !this.#o.looker) return this.#tell(rule.settle());
    picture.retain();
    this.#open = { picture, looks };
    this.#look(0);
  }

  /** To be called about twice a second: notices that results stopped. */
  watch(): void {
    if (this.#isBlind || this.#seenMs === undefined || this.#o.clock.nowMs() - this.#seenMs < BLIND_MS) return;
    this.#finish();
    this.#isBlind = true;
    this.#tell(this.#rule?.blind() ?? []);
  }

  /** Ends looks that are out. Who was just seen to fall is an alarm: nobody looks any more. Idempotent. */
  close(): void {
    this.#finish();
    if (!this.#isBlind) this.#tell(this.#rule?.blind() ?? []);
    this.#isBlind = true;
  }

  /** Another shape of picture has other people. */
  #ruleFor({ width, height }: Picture): FallRule {
    const aspect = width / height;
    if (this.#rule && aspect === this.#aspect) return this.#rule;
    this.#tell(this.#rule?.blind() ?? []);
    this.#aspect = aspect;
    this.#rule = new FallRule(aspect, {
      firstPerson: this.#rule?.nextPerson ?? 1,
      canLook: this.#o.looker !== undefined,
      zones: this.#o.zones,
      longLieMs: this.#o.longLieMs,
    });
    return this.#rule;
  }

  #look(at: number): void {
    const open = this.#open;
    const look = open?.looks[at];
    if (!open || !look) return this.#finish();
    this.#o.looker?.look(open.picture, look, look.turn, (found) => {
      if (this.#open !== open) return;
      if (found) this.#rule?.looked(look, found);
      // Not from inside: refused looks answer at once.
      queueMicrotask(() => this.#open === open && this.#look(at + 1));
    });
  }

  /** The looks that are out are not waited for any more. */
  #finish(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    this.#o.looker?.cancel();
    open.picture.release();
    this.#tell(this.#rule?.settle() ?? []);
  }

  #tell(changes: readonly FallChange[]): void {
    const newest = this.#newest;
    if (!newest) return;
    const ageMs = this.#o.clock.nowMs() - newest.capturedMs;
    for (const change of changes) {
      try {
        this.#o.onNews({ change, capturedWallMs: newest.capturedWallMs, ageMs });
      } catch (error) {
        this.#o.log.error(`a fall could not be reported: ${messageOf(error)}`);
      }
    }
  }
}
