import { privacyOf, type ZoneConfig } from '@vigia/contracts';
import type { Picture } from '#core/media/libav';
import type { Judge, Judgement } from '#services/replay';
import { readClip } from './clip-pictures.ts';
import { Eyes } from './eyes.ts';

/** What is rehearsed. */
export interface RehearsalOptions<News> {
  readonly file: string;
  /** Results a second. */
  readonly fps: number;
  /** Of the catalogue, or added: it must find persons. */
  readonly model: string;
  readonly zones: readonly ZoneConfig[];
  /** A new one for each shape of picture. @param aspect Width of the picture by its height. */
  readonly judgeOf: (aspect: number) => Judge<News>;
  readonly signal: AbortSignal;
  /** A picture was judged. Borrows it until it resolves. */
  readonly onMoment: (moment: Moment<News>, picture: Picture) => Promise<void>;
}

/** What the rule thought after a picture. */
export interface Moment<News = unknown> extends Judgement<News> {
  /** Since the first picture. Milliseconds. */
  readonly atMs: number;
  readonly looks: number;
}

/** How a rehearsal went. */
export interface Rehearsed {
  readonly clipMs: number;
  readonly results: number;
  readonly looks: number;
}

/** Plays a clip through the model and a rule, picture by picture: each look is answered, and no time passes meanwhile. */
export async function rehearse<News>(options: RehearsalOptions<News>): Promise<Rehearsed> {
  const { file, fps, model, zones, signal, judgeOf, onMoment } = options;
  const eyes = await Eyes.open(model, privacyOf(zones));
  let judge: Judge<News> | undefined;
  let [aspect, results, allLooks] = [0, 0, 0];
  const take = async (picture: Picture, atMs: number): Promise<void> => {
    const { width, height } = picture;
    if (!judge || width / height !== aspect) {
      aspect = width / height;
      judge = judgeOf(aspect);
    }
    const looks = judge.see(atMs, await eyes.whole(picture));
    for (const look of looks) {
      const found = await eyes.look(picture, look);
      if (found) judge.looked(look, found);
    }
    results += 1;
    allLooks += looks.length;
    await onMoment({ atMs, looks: looks.length, ...judge.settle() }, picture);
  };
  try {
    const clipMs = await readClip(file, fps, take, signal);
    return { clipMs, results, looks: allLooks };
  } finally {
    await eyes.close();
  }
}
