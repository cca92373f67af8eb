import type { AccessUnit, RecoveryPoint } from '#core/media';
import { Recovery } from './recovery.ts';

/** `FF_DECODE_ERROR_MISSING_REFERENCE` of libav, which node-av does not name. */
const MISSING_REFERENCE = 2;

/** What is remembered of a unit while it is in the decoder. */
export interface UnitState {
  /** It builds on something that is lost, or may do so. */
  tainted: boolean;
  /** What makes it whole although something before it was lost. */
  readonly recovery: Recovery | undefined;
}

/** Options of {@link Wholeness}. */
export interface WholenessOptions {
  readonly mode: 'full' | 'keyframes';
  readonly onLoss: 'wait' | 'conceal';
  /** The decoder returns what it holds back, and forgets all references. */
  readonly restart: () => void;
}

/**
 * Decides which units of a stream can be decoded, and which pictures are whole: nothing of them is missing, nor of those that
 * they build on (docs/decisions/0023-after-a-loss.md). After a loss, only an IDR picture makes a stream whole at once; from a recovery point on it
 * is whole when the announced pictures have come out without a further loss. Parameter sets do not matter.
 */
export class Wholeness {
  readonly #o: WholenessOptions;
  #needKeyframe = true;
  /** Whether something was lost, and pictures are not whole again. */
  #dirty = false;
  /** Since the recovery point at which decoding began, without a loss since then. */
  #recovery: Recovery | undefined;
  /** Whether something was lost on the way since `begin`. */
  lost = false;

  constructor(options: WholenessOptions) {
    this.#o = options;
  }

  /** A connection begins: the next unit that is decoded is a keyframe. */
  begin(): void {
    this.#needKeyframe = true;
    this.#recovery = undefined;
    this.lost = false;
  }

  /** Why a unit is not decoded; undefined when it is. @param wanted Whether anything wants its picture. */
  whySkipped(unit: AccessUnit, wanted: boolean): 'noDemand' | 'undecodable' | undefined {
    if (!wanted || (this.#o.mode === 'keyframes' && !isWholeAlone(unit))) {
      this.#needKeyframe = true;
      // What was on its way to whole pictures begins again: from here on, pictures are missing in it.
      this.#recovery = undefined;
      return 'noDemand';
    }
    if (unit.damaged || unit.afterLoss || unit.doubt === 'repeated') this.#lose();
    if (unit.keyframe) this.#enter(unit);
    return this.#needKeyframe ? 'undecodable' : undefined;
  }

  /** A unit goes into the decoder. Called once per unit, directly before. */
  wentIn(unitId: number, reference: boolean): void {
    this.#recovery?.wentIn(unitId, reference);
  }

  /** Whether the unit that goes into the decoder is tainted. */
  get tainted(): boolean {
    return this.#dirty && !this.#recovery;
  }

  /** The recovery that the unit that goes into the decoder is part of. */
  get recovery(): Recovery | undefined {
    return this.#recovery;
  }

  /**
   * A picture comes out of the decoder. Returns whether it is whole.
   *
   * @param flags What the decoder says: 0 when it did not have to guess.
   * @param inDecoder The units behind it.
   */
  cameOut(flags: number, unitId: number, unit: UnitState, inDecoder: ReadonlyMap<number, UnitState>): boolean {
    const { recovery } = unit;
    if (recovery && !recovery.done) {
      // On the way from a recovery point, references may be missing; guessing is a loss.
      if (flags & ~MISSING_REFERENCE) this.#fail(recovery);
      if (!recovery.cameOut(unitId)) return false;
      if (recovery === this.#recovery) this.#end();
    }
    if (flags !== 0) this.#onGuess(inDecoder);
    return flags === 0 && !unit.tainted;
  }

  /** The decoder refused a unit. */
  refused(): void {
    // A recovery point may fail because it finds nothing to refer to. Decoding goes on, so that the next one does.
    if (this.#o.onLoss === 'wait' && !this.#recovery) this.#needKeyframe = true;
    this.#taint();
  }

  /** Something was lost before this unit, or is missing in it. */
  #lose(): void {
    this.lost = true;
    if (this.#o.onLoss === 'wait' && !this.#needKeyframe) {
      this.#needKeyframe = true;
      // What is in the decoder is whole. It would come out when decoding goes on, seconds old.
      this.#o.restart();
    }
    this.#taint();
  }

  /** Units that go into the decoder from now on are not whole. Those before may still come out whole. */
  #taint(): void {
    this.#dirty = true;
    this.#recovery = undefined;
  }

  #enter({ damaged, recovery }: AccessUnit): void {
    if (damaged) {
      if (this.#o.onLoss === 'conceal') this.#needKeyframe = false;
      return;
    }
    if (!recovery) this.#end();
    else if (this.#needKeyframe || this.#dirty) this.#recover(recovery);
    this.#needKeyframe = false;
  }

  #recover(point: RecoveryPoint): void {
    const fresh = this.#needKeyframe;
    if (fresh) this.#o.restart();
    this.#dirty = true;
    if (!this.#recovery || point.references + point.pictures < this.#recovery.left)
      this.#recovery = new Recovery(point, fresh);
  }

  /** The stream is whole again. */
  #end(): void {
    this.#recovery = undefined;
    this.#dirty = false;
  }

  #fail(recovery: Recovery): void {
    recovery.fail();
    if (recovery === this.#recovery) this.#recovery = undefined;
  }

  /** The decoder had to guess although no packet was missing: the camera sent spoiled data. */
  #onGuess(inDecoder: ReadonlyMap<number, UnitState>): void {
    this.#taint();
    for (const unit of inDecoder.values()) unit.tainted = true;
    if (this.#o.onLoss === 'wait') this.#needKeyframe = true;
  }
}

/** Whether a unit needs no other one. */
function isWholeAlone({ keyframe, recovery }: AccessUnit): boolean {
  return keyframe && (!recovery || recovery.references + recovery.pictures === 1);
}
