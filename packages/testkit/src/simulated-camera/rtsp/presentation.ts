/** What a track holds. The camera feeds pictures and sound, and leaves everything else silent. */
export type TrackKind = 'video' | 'audio' | 'other';

/** One track of a session description. */
export interface TrackDescription {
  readonly kind: TrackKind;
  /** Its control attribute, as it is written there. */
  readonly control: string;
}

/** A session description and what follows from it. */
export interface Presentation {
  readonly sdp: string;
  /** In the order of the description. */
  readonly tracks: readonly TrackDescription[];
  /** Paths (with their query) that mean the whole presentation, without trailing slashes. */
  readonly paths: readonly string[];
  /** Whether PLAY may name a track: so for descriptions without an aggregate control URL. */
  readonly playsTracks: boolean;
  /** Whether control attributes are also understood as RFC 3986 resolves them, as lenient cameras do. */
  readonly lenient: boolean;
}

/** What a request's URL points at; a track by its position. */
export type Target = 'server' | 'aggregate' | 'unknown' | number;

/** The path and query of a URL: what is left without scheme, credentials and authority, and without trailing slashes. */
export function pathOf(uri: string): string {
  return uri.replace(/^(?:[a-z]+:\/\/|(?=[^/]*:\d+\/))[^/?]*/i, '').replace(/\/+$/, '');
}

/** Finds out what is asked for. */
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
  // As live555 and ffmpeg do it: appended, also behind a query.
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
    // Not every control attribute is a URL: such a one is only appended.
    return control;
  }
}
