import { referencePictures, type SourceFormat } from '#core/media';
import { type Needs, PictureNeeds } from '#core/media/bitstream';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The decoder refuses pictures with this many times the allowed pixels before it allocates memory. A JPEG that is only
 * somewhat too large is decoded once, so that the error can state its size; H.264 and H.265 announce theirs.
 */
const FAR_TOO_LARGE = 5;
/** Decoders round up to whole lines of blocks: for tiny pictures the factor would not be enough. */
const LEAST_PIXELS = 256 * 256;
/** Sides of coded pictures are multiples of up to this, pixels. */
const BLOCK = 64;

/** Refuses pictures that need more memory than is planned for a camera, as early as a stream announces them. */
export class PictureLimit {
  readonly #most: Size;
  /** Of coded pictures, pixels. */
  readonly #coded: Size;
  readonly #onTooLarge: (width: number, height: number, references: number) => void;
  #needs: PictureNeeds | undefined;
  #description: Buffer | undefined;

  /** @param onTooLarge Called with the size of what is refused, and with the references when those are too many, else 0. */
  constructor(most: Size, onTooLarge: (width: number, height: number, references: number) => void) {
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
  begin({ codec, extradata }: SourceFormat): void {
    this.#needs = codec === 'h264' || codec === 'hevc' ? new PictureNeeds(codec) : undefined;
    this.#description = extradata;
  }

  /**
   * Whether a parameter set of a unit announces too much. Hot path.
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
    this.#onTooLarge(width, height, 0);
    return true;
  }

  readonly #isTooMuch = ({ width, height, references }: Needs): boolean => {
    const { width: w, height: h } = this.#coded;
    const small = fits(width, height, this.#coded);
    if (small && references * width * height <= referencePictures(w, h) * w * h) return false;
    this.#onTooLarge(width, height, small ? references : 0);
    return true;
  };
}

function fits(width: number, height: number, most: Size): boolean {
  return (width <= most.width && height <= most.height) || (width <= most.height && height <= most.width);
}

function blocks(side: number): number {
  return Math.ceil(side / BLOCK) * BLOCK;
}
