import { type Clock, UsageError, VigiaError } from '@vigia/base';
import type { FootageView, ResultLine } from '#core/footage';
import { type PreviewTask, previewTaskSchema } from '#core/footage-link';
import type { Asked, Parameters } from './asked.ts';
import { type ClipPlan, iso, planClip } from './clip-plan.ts';
import { clipBody, factsOf, headersOf } from './clips.ts';
import type { ExportSource } from './exported-clip.ts';
import { initBody, partBody, partsOf } from './parts.ts';
import { decodePicture, type Jpeg } from './picture-decoder.ts';
import { pathToKeyframe, pathToPicture } from './picture-finder.ts';
import { PictureQueue } from './picture-queue.ts';
import { Places } from './places.ts';
import { playlistOf } from './playlist.ts';
import type { Reply } from './reply.ts';
import { readResults, sendResults } from './results.ts';
import { SegmentMaps } from './segment-maps.ts';

/** Clips and parts that are sent at the same time. */
const STREAMS = 8;
/** Rules that are played to stored results at the same time: it takes half a core. */
const PREVIEWS = 1;
/** Pixels, at most. */
const THUMBNAIL_WIDTH = 320;

/** What {@link Routes} need. */
export interface RoutesOptions {
  readonly view: FootageView;
  readonly nodeName: string;
  readonly clock: Clock;
  /** Undefined: rules cannot be previewed. */
  readonly preview?: Preview | undefined;
  /** Undefined: nothing can be exported. */
  readonly exports?: ExportSource | undefined;
}

/** Plays stored results to rules. @returns the answer, to be sent as JSON. @throws the signal's reason */
export type Preview = (
  task: PreviewTask,
  results: AsyncIterable<readonly ResultLine[]>,
  signal: AbortSignal,
) => Promise<object>;

type Route = (asked: Asked, reply: Reply) => Promise<void>;

/** Answers requests for footage. */
export class Routes {
  readonly #view: FootageView;
  readonly #nodeName: string;
  readonly #clock: Clock;
  readonly #exports: ExportSource | undefined;
  readonly #preview: Preview | undefined;
  readonly #maps = new SegmentMaps();
  readonly #pictures = new PictureQueue();
  readonly #streams = new Places(STREAMS, 'clips are sent');
  readonly #previews = new Places(PREVIEWS, 'preview of rules is worked on');

  constructor({ view, nodeName, clock, preview, exports }: RoutesOptions) {
    this.#view = view;
    this.#nodeName = nodeName;
    this.#clock = clock;
    this.#exports = exports;
    this.#preview = preview;
  }

  /** @param asked With a body: a POST. @throws VigiaError, UsageError: see `refusalOf`. */
  async answer(asked: Asked, reply: Reply): Promise<void> {
    const route = this.#routes.get(asked.what);
    if (!route)
      throw new VigiaError('not_found', `there is no ${asked.what}; there are ${[...this.#routes.keys()].join(', ')}`);
    if ((route === this.#previewed) !== (asked.body !== undefined)) {
      const allow = route === this.#previewed ? 'POST' : 'GET, HEAD';
      throw new VigiaError('not_allowed', `${asked.what}: ${allow} is expected`, { details: { allow } });
    }
    if (!this.#view.cameras().includes(asked.camera))
      throw new VigiaError('no_camera', `there is no footage of a camera ${asked.camera}`);
    await route(asked, reply);
  }

  readonly #clip: Route = (asked, reply) =>
    this.#streams.with(async () => {
      const plan = await this.#plan(asked, reply);
      await reply.body(clipBody(plan, this.#view, this.#nameOf(plan)));
    });

  readonly #clipFacts: Route = (asked, reply) =>
    this.#streams.with(async () => {
      const plan = await this.#plan(asked, reply);
      reply.json(200, factsOf(plan), headersOf(plan));
    });

  readonly #export: Route = (asked, reply) =>
    this.#streams.with(async () => {
      if (!this.#exports) throw new VigiaError('not_found', 'nothing can be exported here');
      const plan = await this.#plan(asked, reply);
      // Most nodes never export anything: it is loaded when first asked for.
      const { prepareExport } = await import('./exported-clip.ts');
      const { name, send } = await prepareExport({
        plan,
        view: this.#view,
        node: this.#nodeName,
        source: this.#exports,
        wallMs: this.#clock.wallMs(),
        signal: reply.signal,
      });
      const headers = { ...headersOf(plan), 'Content-Disposition': `attachment; filename="${name}"` };
      await reply.stream('application/zip', send, headers);
    });

  readonly #results: Route = ({ camera, parameters }, reply) =>
    this.#streams.with(async () => {
      const range = parameters.allow(['from', 'to']).range();
      const files = this.#view.resultFiles(camera, range.fromMs, range.toMs);
      await reply.stream('application/x-ndjson', (sink) =>
        sendResults(files, { camera, ...range, signal: reply.signal }, sink),
      );
    });

  readonly #previewed: Route = ({ camera, parameters, body }, reply) =>
    this.#previews.with(async () => {
      parameters.allow([]);
      const parsed = previewTaskSchema.safeParse(body);
      if (!parsed.success || parsed.data.camera !== camera)
        throw new UsageError('the body: what is to be played of this camera is expected');
      const task = parsed.data;
      if (!this.#preview) throw new VigiaError('not_found', 'rules cannot be previewed here');
      const { signal } = reply;
      const { fromMs, toMs } = task;
      const files = this.#view.resultFiles(camera, fromMs, toMs);
      const results = readResults(files, { camera, fromMs, toMs, signal }, (_line, result) => result);
      reply.json(200, await this.#preview(task, results, signal));
    });

  readonly #playlist: Route = ({ camera, parameters }, reply) =>
    this.#streams.with(async () => {
      const range = parameters.allow(['from', 'to']).range();
      const parts = await partsOf(this.#view, this.#maps, { camera, ...range }, reply.signal);
      reply.short(200, 'application/vnd.apple.mpegurl', playlistOf(parts));
    });

  readonly #init: Route = ({ camera, parameters }, reply) =>
    this.#streams.with(async () => {
      const { order, atMs } = segmentIn(parameters.allow(['order', 'at']));
      await reply.body(await initBody(this.#view, this.#maps, { camera, order, atMs }));
    });

  readonly #part: Route = ({ camera, parameters }, reply) =>
    this.#streams.with(async () => {
      const where = segmentIn(parameters.allow(['order', 'at', 'from', 'to', 'zero']));
      const [from, to, zeroMs] = [parameters.whole('from'), parameters.whole('to'), parameters.time('zero')];
      await reply.body(await partBody(this.#view, this.#maps, { camera, ...where, from, to, zeroMs }));
    });

  readonly #picture: Route = (asked, reply) =>
    this.#jpeg('picture', asked, reply, async (camera, atMs) => {
      const path = await pathToPicture(this.#view, this.#maps, camera, atMs);
      return decodePicture(path, Number.POSITIVE_INFINITY, reply.signal);
    });

  readonly #thumbnail: Route = (asked, reply) =>
    this.#jpeg('thumbnail', asked, reply, async (camera, atMs) => {
      const path = await pathToKeyframe(this.#view, this.#maps, camera, atMs);
      return decodePicture(path, THUMBNAIL_WIDTH, reply.signal);
    });

  readonly #routes: ReadonlyMap<string, Route> = new Map([
    ['clip.mp4', this.#clip],
    ['clip.json', this.#clipFacts],
    ['export.zip', this.#export],
    ['results.jsonl', this.#results],
    ['playlist.m3u8', this.#playlist],
    ['init.mp4', this.#init],
    ['part.m4s', this.#part],
    ['frame.jpg', this.#picture],
    ['thumbnail.jpg', this.#thumbnail],
    ['preview', this.#previewed],
  ]);

  async #jpeg(
    kind: 'picture' | 'thumbnail',
    { camera, parameters }: Asked,
    reply: Reply,
    make: (camera: string, atMs: number) => Promise<Jpeg>,
  ): Promise<void> {
    const atMs = parameters.allow(['at']).time('at');
    const { bytes, shownMs } = await this.#pictures.run(kind, reply.signal, () => make(camera, atMs));
    reply.short(200, 'image/jpeg', bytes, { 'X-Vigia-At': iso(shownMs) });
  }

  #plan({ camera, parameters }: Asked, { signal }: Reply): Promise<ClipPlan> {
    const range = parameters.allow(['from', 'to']).range();
    return planClip(this.#view, this.#maps, { camera, ...range }, signal);
  }

  #nameOf({ camera, fromMs }: ClipPlan): string {
    return `${this.#nodeName}-${camera}-${iso(fromMs).replaceAll(/[:.]/g, '')}.mp4`;
  }
}

/** The segment that a playlist's URL names. */
function segmentIn(parameters: Parameters): { readonly order: number; readonly atMs: number } {
  return { order: parameters.whole('order'), atMs: parameters.time('at') };
}
