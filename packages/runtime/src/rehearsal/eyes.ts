import { UsageError } from '@vigia/base';
import type { Bbox, Detection } from '@vigia/contracts';
import { type Model, ModelStore } from '@vigia/model-container';
import { FALL_LEAST_SCORE, LOOK_LEAST_SCORE, type Look } from '@vigia/rules';
import {
  geometryOf,
  type RenditionSpec,
  squareGeometry,
  turnRight,
  WHOLE,
  wholeFromRendition,
  wholeFromSquare,
} from '#core/media';
import { FrameScaler, type Outline, type Picture } from '#core/media/libav';

/** A model in this process, which looks at pictures one after the other. */
export class Eyes {
  readonly #model: Model;
  readonly #spec: RenditionSpec;
  readonly #whole: FrameScaler;
  readonly #square: FrameScaler;
  readonly #pixels: Buffer;
  readonly #plain: Buffer;

  private constructor(model: Model, privacy: readonly Outline[]) {
    this.#whole = new FrameScaler(privacy);
    this.#square = new FrameScaler(privacy);
    const { width, height, fit } = model.facts.frame;
    this.#model = model;
    this.#spec = { width, height, fit, format: 'RGB24' };
    this.#pixels = Buffer.alloc(width * height * 3);
    this.#plain = Buffer.alloc(width * height * 3);
  }

  /** @throws UsageError for a model that finds no persons; as `ModelStore.open`. */
  static async open(id: string, privacy: readonly Outline[]): Promise<Eyes> {
    const model = await new ModelStore().open(id, { pull: true });
    if (model.facts.classes.includes('person')) return new Eyes(model, privacy);
    await model.close();
    throw new UsageError(`model ${id} finds no persons: choose another one with --model`);
  }

  /** What the model sees in the whole picture, however unsurely. Boxes in shares of it. */
  async whole(picture: Picture): Promise<Detection[]> {
    const { width, height } = picture;
    const geometry = geometryOf(width, height, WHOLE, this.#spec);
    this.#whole.scale(picture, geometry, this.#pixels);
    const found = await this.#run(FALL_LEAST_SCORE);
    return found.map((one) => mapped(one, wholeFromRendition(one.bbox, geometry, width, height)));
  }

  /** What it sees in a look; undefined: that is not in the picture. Boxes in shares of the whole picture. */
  async look(picture: Picture, look: Look): Promise<Detection[] | undefined> {
    const { width, height } = this.#spec;
    const wanted = look.turn === 90 ? { ...this.#spec, width: height, height: width } : this.#spec;
    const geometry = squareGeometry(look, picture.width, picture.height, wanted);
    if (!geometry) return undefined;
    if (look.turn === 0) this.#square.scale(picture, geometry, this.#pixels);
    else {
      this.#square.scale(picture, geometry, this.#plain);
      turnRight(this.#plain, this.#pixels, width, height, 3);
    }
    const found = await this.#run(LOOK_LEAST_SCORE);
    const aspect = picture.width / picture.height;
    return found.map((one) => mapped(one, wholeFromSquare(one.bbox, look, look.turn, aspect)));
  }

  async close(): Promise<void> {
    this.#whole.close();
    this.#square.close();
    await this.#model.close();
  }

  async #run(from: number): Promise<Detection[]> {
    const { width, height } = this.#spec;
    const planes = [{ offset: 0, stride: width * 3 }];
    this.#model.take(0, { width, height, format: 'RGB24', planes, pixels: this.#pixels }, from);
    const [seen] = await this.#model.run(1);
    return [...(seen?.detections ?? []), ...(seen?.faint ?? [])];
  }
}

/** The rule knows boxes only. */
function mapped({ class_id, class_name, confidence }: Detection, bbox: Bbox): Detection {
  return { class_id, class_name, confidence, bbox };
}
