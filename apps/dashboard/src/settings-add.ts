import { batch, type Signal, signal } from '@preact/signals';
import type { Probed } from '@vigia/contracts/api';
import { type Browser, refusalText } from './connection.ts';
import type { CameraSettings } from './settings-draft.ts';
import type { Outcome } from './settings-screen.ts';

/** A camera is given up after 15 s; its process has to start and to end. */
const PROBE_MS = 30_000;
const SECOND_MS = 1000;
/** What who looks for people needs, and no more. */
const FPS = 5;
const PEOPLE = 'people';
/** A loss costs the pictures until the next keyframe. */
const LONG_GOP_MS = 4000;
/** Models look at less; decoding more is work for nothing. */
const LARGE_WIDTH = 1280;

/** What is typed. */
export interface NewCamera {
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly name: string;
  /** That looks for people; empty: nothing watches the camera. */
  readonly model: string;
  readonly falls: boolean;
  readonly record: 'never' | 'on_event' | 'always';
}

/** What came of an address that was tried. `forS`: seconds since. */
export type Trial =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking'; readonly forS: number }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'answer'; readonly probed: Probed };

/** What of a stream should be changed in the camera. */
export type Advice = 'gop' | 'hevc' | 'large';

const EMPTY: NewCamera = { address: '', user: '', password: '', name: '', model: '', falls: true, record: 'never' };
const IDLE: Trial = { kind: 'idle' };

/** A camera that is being added, as signals. What is typed is kept in this page only, the password until it is added. */
export class AddScreen {
  readonly open: Signal<boolean> = signal(false);
  readonly camera: Signal<NewCamera> = signal(EMPTY);
  readonly trial: Signal<Trial> = signal(IDLE);
  /** Path and query of the small stream; empty: there is none. */
  readonly small: Signal<string> = signal('');
  readonly smallTrial: Signal<Trial> = signal(IDLE);
  readonly #browser: Pick<Browser, 'after' | 'request'>;
  readonly #csrf: () => string | null;
  /** Counts trials of each: the answer to an earlier one is not wanted any more. */
  readonly #asked = { main: 0, small: 0 };

  constructor(browser: Pick<Browser, 'after' | 'request'>, csrf: () => string | null) {
    this.#browser = browser;
    this.#csrf = csrf;
  }

  /** Whether something was typed. */
  get isDirty(): boolean {
    return this.open.value && this.camera.value.address !== '';
  }

  /** Opens an empty form. @param model The first one of the node; empty: it has none. */
  begin(model: string): void {
    this.close();
    batch(() => {
      this.camera.value = { ...EMPTY, model };
      this.open.value = true;
    });
  }

  /** What was typed is given up, the password too. */
  close(): void {
    this.#asked.main += 1;
    this.#asked.small += 1;
    batch(() => {
      this.open.value = false;
      this.camera.value = EMPTY;
      this.trial.value = IDLE;
      this.small.value = '';
      this.smallTrial.value = IDLE;
    });
  }

  /** What came of another address is not shown for this one. */
  type(change: Partial<NewCamera>): void {
    const before = this.camera.peek();
    const next = { ...before, ...change };
    batch(() => {
      this.camera.value = next;
      if (sourceOf(next) === sourceOf(before)) return;
      this.#asked.main += 1;
      this.trial.value = IDLE;
      this.typeSmall('');
    });
  }

  typeSmall(path: string): void {
    this.#asked.small += 1;
    this.small.value = path;
    this.smallTrial.value = IDLE;
  }

  /** Connects to the camera. Its small stream is named where its maker is known, and then tried, too. */
  async try(): Promise<void> {
    const probed = await this.#probe('main', this.trial, sourceOf(this.camera.peek()));
    if (probed?.state !== 'live' || probed.small_stream === null || this.small.peek() !== '') return;
    this.typeSmall(probed.small_stream);
    await this.trySmall();
    // Somebody who does not need it must not find out at the end that it does not exist.
    const found = this.smallTrial.peek();
    if (found.kind === 'answer' && found.probed.state !== 'live') this.typeSmall('');
  }

  async trySmall(): Promise<void> {
    await this.#probe('small', this.smallTrial, smallSourceOf(this.camera.peek(), this.small.peek()));
  }

  /** What the node gets; null: there is no address. @param taken Ids of the cameras that are there. */
  settings(taken: readonly string[]): { readonly id: string; readonly settings: object } | null {
    const { address, name, model, falls, record } = this.camera.peek();
    if (address.trim() === '') return null;
    const source = sourceOf(this.camera.peek());
    const small = this.small.peek();
    const watched = model !== '';
    return {
      id: idOf(name, taken),
      settings: {
        source,
        ...(small === '' ? {} : { detect_source: smallSourceOf(this.camera.peek(), small) }),
        ...(name.trim() === '' ? {} : { name: name.trim() }),
        ...(watched ? { consumers: { [PEOPLE]: { model, fps: FPS, sla: 'critical' } } } : {}),
        ...(watched && falls ? { rules: { fall: { from: PEOPLE } } } : {}),
        ...(record === 'never' ? {} : { record: { mode: record } }),
      },
    };
  }

  async #probe(which: 'main' | 'small', shown: Signal<Trial>, source: string): Promise<Probed | null> {
    this.#asked[which] += 1;
    const number = this.#asked[which];
    const isWanted = (): boolean => number === this.#asked[which];
    let cancel = (): void => {};
    const count = (forS: number): void => {
      if (!isWanted()) return;
      shown.value = { kind: 'asking', forS };
      cancel = this.#browser.after(SECOND_MS, () => count(forS + 1));
    };
    count(0);
    const options = { body: { source }, csrf: this.#csrf(), timeoutMs: PROBE_MS };
    const reply = await this.#browser.request('POST', '/api/v1/probe', options).catch(() => undefined);
    cancel();
    if (!isWanted()) return null;
    if (reply?.status !== 200) {
      shown.value = { kind: 'failed', why: refusalText(reply) };
      return null;
    }
    const probed = reply.body as Probed;
    shown.value = { kind: 'answer', probed };
    return probed;
  }
}

/** Whether an outcome says that the camera is added. */
export function isAdded(outcome: Outcome): boolean {
  return outcome.kind === 'saved' && outcome.changes.length > 0;
}

/** The address with user and password, as a camera's settings have it. One that has a login keeps it. */
export function sourceOf({ address, user, password }: Pick<NewCamera, 'address' | 'user' | 'password'>): string {
  const typed = address.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(typed) && !/^[^/]+:\d+(?:\/|$)/.test(typed) ? typed : `rtsp://${typed}`;
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(whole) ?? [];
  if (scheme === undefined || rest === undefined || user === '' || /^[^/?#]*@/.test(rest)) return whole;
  return `${scheme}${encodeURIComponent(user)}:${encodeURIComponent(password)}@${rest}`;
}

/** The small stream is at the same camera. */
function smallSourceOf(camera: NewCamera, path: string): string {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(sourceOf(camera))?.[0] ?? '';
  return `${origin}${path.startsWith('/') ? '' : '/'}${path}`;
}

const LONGEST_ID = 63;

/** `Zimmer 4` is `zimmer-4`; where that is taken, `zimmer-4-2`. */
export function idOf(name: string, taken: readonly string[]): string {
  const letters = name
    .normalize('NFKD')
    .replaceAll('ß', 'ss')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, LONGEST_ID - 4);
  const base = letters === '' ? 'camera' : letters;
  let id = base;
  for (let n = 2; taken.includes(id); n += 1) id = `${base}-${n}`;
  return id;
}

/** What would make the camera serve better. @param hasSmall There is a small stream for the models. */
export function adviceOf({ stream }: Pick<Probed, 'stream'>, hasSmall: boolean): readonly Advice[] {
  if (stream === null) return [];
  return [
    ...((stream.gop_ms ?? 0) > LONG_GOP_MS ? (['gop'] as const) : []),
    ...(stream.codec === 'hevc' ? (['hevc'] as const) : []),
    ...(stream.width > LARGE_WIDTH && !hasSmall ? (['large'] as const) : []),
  ];
}

/** Models of a configuration, by id. */
export function modelsOf(document: { readonly models?: Readonly<Record<string, unknown>> }): readonly string[] {
  return Object.keys(document.models ?? {});
}

/** Ids of the cameras of a configuration. */
export function camerasOf(document: {
  readonly cameras?: Readonly<Record<string, CameraSettings>>;
}): readonly string[] {
  return Object.keys(document.cameras ?? {});
}
