/** Kind of a track. The camera feeds video and audio, and leaves all others silent. */
export type TrackKind = 'video' | 'audio' | 'other';

/** One track of a session description. */
export interface TrackDescription {
  readonly kind: TrackKind;
  /** Its control attribute, verbatim. */
  readonly control: string;
}

/** A session description and its URLs. */
export interface Presentation {
  readonly sdp: string;
  /** In the order of the description. */
  readonly tracks: readonly TrackDescription[];
  /** Paths (with their query) of the whole presentation, without trailing slashes. */
  readonly paths: readonly string[];
  /** Whether PLAY may name a track: true for descriptions without an aggregate control URL. */
  readonly playsTracks: boolean;
  /** Whether control attributes are also resolved as RFC 3986 demands, as lenient cameras do. */
  readonly lenient: boolean;
}

/** The target of a request's URL; a track by its position. */
export type Target = 'server' | 'aggregate' | 'unknown' | number;

/** The path and query of a URL, without trailing slashes. */
export function pathOf(uri: string): string {
  return uri.replace(/^(?:[a-z]+:\/\/|(?=[^/]*:\d+\/))[^/?]*/i, '').replace(/\/+$/, '');
}

/** Resolves the target of a URL. */
export function targetOf(uri: string, presentation: Presentation): Target {
  if (uri === '*') return 'server';
  const asked = pathOf(uri);
  const target = lookUp(asked, presentation);
  if (target !== 'unknown' || !presentation.lenient) return target;
  // A Content-Base without a scheme, taken for a path: /host:port/stream.
  return lookUp(pathOf(asked.slice(1)), presentation);
}

function lookUp(asked: string, presentation: Presentation): Target {
  if (presentation.paths.includes(asked)) return 'aggregate';
  const track = presentation.tracks.findIndex(({ control }) => trackPaths(control, presentation).includes(asked));
  return track < 0 ? 'unknown' : track;
}

function trackPaths(control: string, { paths, lenient }: Presentation): string[] {
  if (/^[a-z]+:\/\//i.test(control)) return [pathOf(control)];
  // Like live555 and ffmpeg: appended, also after a query.
  const appended = paths.map((path) => `${path}/${control}`.replace(/\/+$/, ''));
  if (!lenient) return appended;
  const resolved = paths.flatMap((path) => {
    const [plain = ''] = path.split('?');
    return [`${plain}/${control}`, pathOf(resolve(control, path)), pathOf(resolve(control, `${path}/`))];
  });
  return [...appended, ...resolved];
}

function resolve(control: string, base: string): string {
  try {
    return new URL(control, `http://h${base === '' ? '/' : base}`).href;
  } catch {
    // A control attribute that is not a URL is only appended.
    return control;
  }
}
