import { batch, type Signal, signal } from '@preact/signals';
import { type Browser, errorOf, type Reply, refusalText } from './connection.ts';
import { type CameraDraft, type CameraSettings, draftOf, patchOf, wrongRates } from './settings-draft.ts';

const REQUEST_MS = 5000;
/** A camera with other settings may have to connect again. */
const CHANGE_MS = 30_000;
/** How often the revisions are asked for: others change things, too. */
const LOOK_EVERY_MS = 5000;

/** A version of the configuration. */
export interface Revision {
  readonly revision: number;
  /** RFC 3339. */
  readonly at: string;
  readonly by: string;
  /** A line for each path. Empty: the first one. */
  readonly changes: readonly string[];
}

/** The one in force. */
export interface Configuration extends Revision {
  readonly document: {
    readonly cameras?: Readonly<Record<string, CameraSettings>>;
    readonly models?: Readonly<Record<string, unknown>>;
  };
  /** How it differs from the file. */
  readonly beside_file: readonly string[];
}

/** What became of a change. `conflict`: another revision than the expected one is in force. `unanswered`: not known. */
export type Outcome =
  | { readonly kind: 'idle' | 'asking' | 'unanswered' }
  | { readonly kind: 'saved'; readonly revision: number; readonly changes: readonly string[] }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'conflict'; readonly revision: number };

/** The revision that somebody is about to go back to, and what they were shown of it. */
export interface Return {
  readonly revision: number;
  /** The one in force when it was shown. */
  readonly from: number;
  /** What is taken back, the newest first. */
  readonly takenBack: readonly Revision[];
}

/** What the settings need of a browser. */
export type SettingsBrowser = Pick<Browser, 'after' | 'request' | 'hidden'>;

/** The configuration on the screen, as signals: cameras and revisions. It outlives the view, with what was typed. */
export class SettingsScreen {
  /** Null before the first answer. */
  readonly config: Signal<Configuration | null> = signal(null);
  /** The newest first. */
  readonly revisions: Signal<readonly Revision[]> = signal([]);
  /** Why what is shown is not current; empty: it is. */
  readonly failed: Signal<string> = signal('');
  /** The form that is open. */
  readonly draft: Signal<CameraDraft | null> = signal(null);
  readonly saving: Signal<Outcome> = signal({ kind: 'idle' });
  /** Whether somebody is asked if they want to remove the camera of the form. */
  readonly removing: Signal<boolean> = signal(false);
  /** The camera that was removed last, while that is said. */
  readonly removed: Signal<string> = signal('');
  /** What became of a camera that was to be added. */
  readonly adding: Signal<Outcome> = signal({ kind: 'idle' });
  readonly target: Signal<Return | null> = signal(null);
  readonly going: Signal<Outcome> = signal({ kind: 'idle' });
  readonly #browser: SettingsBrowser;
  readonly #csrf: () => string | null;
  /** Counts questions: an answer to an earlier one is not wanted any more. */
  #asked = 0;

  constructor(browser: SettingsBrowser, csrf: () => string | null) {
    this.#browser = browser;
    this.#csrf = csrf;
  }

  /** Asks for the settings, and again when others change them. @returns a function that ends it. */
  start(): () => void {
    let isOpen = true;
    let cancel = (): void => {};
    const later = (): void => {
      if (isOpen) cancel = this.#browser.after(LOOK_EVERY_MS, () => void turn());
    };
    const turn = async (): Promise<void> => {
      if (!this.#browser.hidden()) await this.#look();
      later();
    };
    void this.load().then(later);
    return () => {
      isOpen = false;
      cancel();
    };
  }

  /** Asks for the configuration and its revisions. Forms stay as they are. */
  async load(): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    const [config, revisions] = await Promise.all([
      this.#request('GET', '/api/v1/config', REQUEST_MS),
      this.#request('GET', '/api/v1/config/revisions', REQUEST_MS),
    ]);
    if (number !== this.#asked) return;
    if (config?.status !== 200 || revisions?.status !== 200) {
      this.failed.value = refusalText(config?.status === 200 ? revisions : config);
      return;
    }
    batch(() => {
      this.failed.value = '';
      this.config.value = config.body as Configuration;
      this.revisions.value = (revisions.body as readonly Revision[]).toReversed();
    });
  }

  /** Nobody looks any more: what was done is not said again. Forms stay. */
  leave(): void {
    batch(() => {
      for (const outcome of [this.saving, this.going, this.adding])
        if (outcome.peek().kind === 'saved') outcome.value = { kind: 'idle' };
      this.removed.value = '';
    });
  }

  /** Whether something was typed and not saved. */
  get isDirty(): boolean {
    const draft = this.draft.value;
    return draft !== null && (patchOf(draft) !== null || wrongRates(draft).length > 0);
  }

  /** Opens the form of a camera. One that is open is given up. */
  edit(camera: string): void {
    const config = this.config.peek();
    const settings = config?.document.cameras?.[camera];
    if (config === null || settings === undefined || this.saving.peek().kind === 'asking') return;
    batch(() => {
      this.draft.value = draftOf(camera, settings, config.revision);
      this.saving.value = { kind: 'idle' };
      this.removing.value = false;
      this.removed.value = '';
    });
  }

  /** Closes the form. What was typed is given up. */
  close(): void {
    if (this.saving.peek().kind === 'asking') return;
    batch(() => {
      this.draft.value = null;
      this.saving.value = { kind: 'idle' };
      this.removing.value = false;
    });
  }

  /** Something was typed. While the node is asked nothing can be. */
  type(change: Partial<Pick<CameraDraft, 'name' | 'consumers'>>): void {
    const draft = this.draft.peek();
    if (draft === null || this.saving.peek().kind === 'asking') return;
    batch(() => {
      this.draft.value = { ...draft, ...change };
      this.saving.value = { kind: 'idle' };
    });
  }

  /** Makes the form a revision, unless another one than this is in force. */
  async save(revision?: number): Promise<void> {
    const draft = this.draft.peek();
    const body = draft === null ? null : patchOf(draft);
    if (draft === null || body === null || wrongRates(draft).length > 0 || this.saving.peek().kind === 'asking') return;
    const outcome = await this.#change(
      this.saving,
      'PATCH',
      cameraPath(draft.camera),
      revision ?? draft.revision,
      body,
    );
    if (outcome.kind !== 'saved') return;
    const config = this.config.peek();
    const settings = config?.document.cameras?.[draft.camera];
    batch(() => {
      // Settings that are older than what was saved would look as if it was lost.
      const isCurrent = config !== null && config.revision >= outcome.revision;
      this.draft.value = isCurrent && settings ? draftOf(draft.camera, settings, config.revision) : null;
      this.saving.value = outcome;
    });
  }

  /** Removes the camera of the form, unless another revision than this is in force. */
  async remove(revision?: number): Promise<void> {
    const draft = this.draft.peek();
    if (draft === null || this.saving.peek().kind === 'asking') return;
    const path = cameraPath(draft.camera);
    const outcome = await this.#change(this.saving, 'DELETE', path, revision ?? draft.revision);
    if (outcome.kind !== 'saved') return;
    batch(() => {
      this.draft.value = null;
      this.removing.value = false;
      this.removed.value = draft.camera;
    });
  }

  /** Adds a camera, unless somebody else changed the settings that are shown. @returns what became of it. */
  async add(id: string, settings: object): Promise<Outcome> {
    const revision = this.config.peek()?.revision;
    if (revision === undefined || this.adding.peek().kind === 'asking') return this.adding.peek();
    return this.#change(this.adding, 'PUT', cameraPath(id), revision, settings);
  }

  /** The form as the settings are now. What was typed is given up. */
  async theirs(): Promise<void> {
    const { camera } = this.draft.peek() ?? {};
    if (camera === undefined) return;
    await this.load();
    if (this.config.peek()?.document.cameras?.[camera] === undefined) this.close();
    else this.edit(camera);
  }

  /** Shows what going back to a revision would take back; null: nobody wants to. */
  consider(revision: number | null): void {
    const from = this.config.peek()?.revision;
    if (this.going.peek().kind === 'asking') return;
    batch(() => {
      this.going.value = { kind: 'idle' };
      this.target.value =
        revision === null || from === undefined
          ? null
          : { revision, from, takenBack: this.revisions.peek().filter((one) => one.revision > revision) };
    });
  }

  /** Makes the considered revision the one in force. If there are newer ones than were shown, those are shown first. */
  async goBack(): Promise<void> {
    const target = this.target.peek();
    if (target === null || this.going.peek().kind === 'asking') return;
    const { revision, from } = target;
    const outcome = await this.#change(this.going, 'POST', '/api/v1/config/rollback', from, { revision });
    batch(() => {
      if (outcome.kind === 'saved') this.target.value = null;
      if (outcome.kind === 'conflict') this.consider(revision);
      this.going.value = outcome;
    });
  }

  /** Sends a change, and asks for what is in force then. */
  async #change(
    shown: Signal<Outcome>,
    method: string,
    path: string,
    ifMatch: number,
    body?: object,
  ): Promise<Outcome> {
    shown.value = { kind: 'asking' };
    const options = { ...(body === undefined ? {} : { body }), csrf: this.#csrf(), timeoutMs: CHANGE_MS, ifMatch };
    const reply = await this.#browser.request(method, path, options).catch(() => undefined);
    const outcome = outcomeOf(reply);
    if (outcome.kind !== 'refused') await this.load();
    shown.value = outcome;
    return outcome;
  }

  async #look(): Promise<void> {
    const reply = await this.#request('GET', '/api/v1/config/revisions', REQUEST_MS);
    const newest = reply?.status === 200 ? (reply.body as readonly Revision[]).at(-1)?.revision : undefined;
    if (this.failed.peek() !== '' || newest !== this.config.peek()?.revision) await this.load();
  }

  #request(method: string, path: string, timeoutMs: number): Promise<Reply | undefined> {
    return this.#browser.request(method, path, { timeoutMs }).catch(() => undefined);
  }
}

function cameraPath(camera: string): string {
  return `/api/v1/cameras/${encodeURIComponent(camera)}`;
}

function outcomeOf(reply: Reply | undefined): Outcome {
  if (reply === undefined) return { kind: 'unanswered' };
  if (reply.status === 200) {
    const { revision, changes } = reply.body as { revision: number; changes: readonly string[] };
    return { kind: 'saved', revision, changes };
  }
  const { message, revision } = errorOf(reply);
  if (reply.status === 412 && revision !== undefined) return { kind: 'conflict', revision };
  return { kind: 'refused', why: message };
}
