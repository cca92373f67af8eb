import { referencePictures, type SourceFormat } from '#core/media';
import { JpegNeeds, type Needs, PictureNeeds } from '#core/media/bitstream';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The decoder refuses pictures with this many times the allowed pixels before it allocates memory. It is for codecs that only
 * files have: what is somewhat too large is decoded once, so that the error can state its size. Cameras' codecs announce it.
 */
const FAR_TOO_LARGE = 5;
/** Decoders round up to whole lines of blocks: for tiny pictures the factor would not be enough. */
const LEAST_PIXELS = 256 * 256;
/** What is planned: 8 bits in 4:2:0. */
const PLANNED_BYTES = 1.5;
/**
 * Pictures of more bytes, and those that are held back for reordering, may take so much more than is planned: a camera process
 * is not ended below that.
 */
const SLACK = 1.5;
/** Pictures outside a decoder that are planned for at least, with one consumer. */
const OUTSIDE = 5;
/** Sides of coded pictures are multiples of up to this, pixels. */
const BLOCK = 64;

/** Refuses pictures that need more memory than is planned for a camera, as early as a stream announces them. */
export class PictureLimit {
  readonly #most: Size;
  /** Of coded pictures, pixels. */
  readonly #coded: Size;
  readonly #onTooLarge: (needs: Needs) => void;
  #needs: PictureNeeds | JpegNeeds | undefined;
  #description: Buffer | undefined;
  /** What the stream announced last. */
  #announced: Needs | undefined;
  /** Pictures that the decoder holds back for reordering. */
  #heldBack = 0;

  /** @param onTooLarge Called with what is refused: see {@link refusal}. */
  constructor(most: Size, onTooLarge: (needs: Needs) => void) {
    this.#most = most;
    this.#coded = { width: blocks(most.width), height: blocks(most.height) };
    this.#onTooLarge = onTooLarge;
  }

  /** The most pixels that a decoder may allocate for a picture. */
  get pixels(): number {
    const { width, height } = this.#most;
    const { width: w, height: h } = this.#coded;
    return this.#needs ? w * h : Math.max(LEAST_PIXELS, width * height * FAR_TOO_LARGE);
  }

  /** A connection begins. */
  begin({ codec, extradata }: Pick<SourceFormat, 'codec' | 'extradata'>): void {
    this.#needs = readerOf(codec);
    this.#description = extradata;
    this.#announced = undefined;
    this.#heldBack = 0;
  }

  /**
   * Whether a parameter set of a unit, or the header of a JPEG, announces too much. Hot path.
   *
   * @param first Whether no decoder knows the sets of the stream's description yet.
   */
  refusesUnit(data: Buffer, first: boolean): boolean {
    if (!this.#needs) return false;
    const described = first && this.#description !== undefined && this.#needs.some(this.#description, this.#isTooMuch);
    return described || this.#needs.some(data, this.#isTooMuch);
  }

  /** Whether a decoded picture is too large. Either way round: cameras can be mounted turned. */
  refuses({ width, height }: Size): boolean {
    if (fits(width, height, this.#most)) return false;
    this.#onTooLarge({ width, height, references: 0, bytes: PLANNED_BYTES });
    return true;
  }

  /**
   * Whether the pictures that the decoder holds back for reordering are too many beside its references. A stream may keep any
   * number of others, and may say so after its size, or show it only by its order. Hot path: once per decoded unit.
   */
  refusesHeldBack(pictures: number): boolean {
    if (pictures === this.#heldBack || this.#announced === undefined) return false;
    this.#heldBack = pictures;
    const { width, height, references, bytes } = this.#announced;
    const needs = { width, height, references: references + pictures, bytes };
    if (this.#isPlanned(needs, SLACK)) return false;
    this.#onTooLarge(needs);
    return true;
  }

  readonly #isTooMuch = (needs: Needs): boolean => {
    this.#announced = needs;
    this.#heldBack = 0;
    const slack = needs.bytes > PLANNED_BYTES ? SLACK : 1;
    if (needs.width > 0 && fits(needs.width, needs.height, this.#coded) && this.#isPlanned(needs, slack)) return false;
    this.#onTooLarge(needs);
    return true;
  };

  /** Whether the pictures need about the memory of as many as a decoder may keep, of the largest size. */
  #isPlanned({ width, height, references, bytes }: Needs, slack: number): boolean {
    const { width: w, height: h } = this.#coded;
    const pictures = referencePictures(this.#most.width, this.#most.height) + OUTSIDE;
    return (references + OUTSIDE) * width * height * bytes <= pictures * w * h * PLANNED_BYTES * slack;
  }
}

/** What is too much of what a camera sends, and what to do: one sentence. */
export function refusal({ width, height, references, bytes }: Needs, most: Size): string {
  if (width === 0 || height === 0)
    return 'the camera describes its pictures (SPS) in a way that cannot be read: nobody knows what memory they need';
  const fitting = fits(width, height, { width: blocks(most.width), height: blocks(most.height) });
  const deep = fitting && bytes > PLANNED_BYTES ? ` with ${bytes} bytes a pixel (8 bits in 4:2:0 have 1.5)` : '';
  const kept = fitting && references > 0 ? ` and has ${references} pictures kept` : '';
  return `the camera sends ${width}×${height}${deep}${kept}; max_picture allows ${most.width}×${most.height}: raise it, or name a smaller stream as detect_source`;
}

function readerOf(codec: string): PictureNeeds | JpegNeeds | undefined {
  if (codec === 'mjpeg') return new JpegNeeds();
  return codec === 'h264' || codec === 'hevc' ? new PictureNeeds(codec) : undefined;
}

function fits(width: number, height: number, most: Size): boolean {
  return (width <= most.width && height <= most.height) || (width <= most.height && height <= most.width);
}

function blocks(side: number): number {
  return Math.ceil(side / BLOCK) * BLOCK;
}
