import type { ZoneKind } from '@vigia/contracts';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import { type Browser, errorOf, refusalText } from './connection.ts';
import { Icon, type IconName } from './icons.tsx';
import { linkTo } from './route.ts';
import { hasPictures, mayChange, me, wallMs } from './screen.ts';
import { AlarmRows } from './stage.tsx';
import { roomName, text } from './texts.ts';
import type { Ward } from './ward.ts';
import { whyNotCalled, type Zone } from './zone-draft.ts';
import { Drawing } from './zones-drawing.tsx';
import { type Tool, type ZonesBrowser, ZonesScreen } from './zones-screen.ts';
import { BedAlarm, FallAlarm, VisitAlarm } from './zones-alarms.tsx';
import { PreviewCard } from './zones-preview-view.tsx';
import './zones-view.css';

/** What the view of zones gets. */
export interface ZonesViewProps {
  readonly camera: string;
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

/** Tools, each with its key. */
const TOOLS: readonly (readonly [tool: Tool, icon: IconName, key: string])[] = [
  ['choose', 'choose', 'V'],
  ['area', 'area', 'P'],
  ['bed', 'bed', 'B'],
  ['chair', 'chair', 'C'],
  ['floor', 'floor', 'F'],
  ['ignore', 'ignore', 'X'],
  ['privacy', 'privacy', 'M'],
];
const KINDS: readonly ZoneKind[] = ['area', 'bed', 'chair', 'floor', 'ignore', 'privacy'];
const PICTURE_MS = 10_000;
/** Steps of the draft that are listed. */
const STEPS = 6;

/** Drafts outlive their views: who comes back goes on. By user and camera. */
const drafts = new Map<string, ZonesScreen>();

/** The zones of a camera, to draw on a still of it. Mounted with the camera's id as its key. */
export function ZonesView({ camera, ward, browser, alarms, go }: ZonesViewProps): VNode {
  const [screen] = useState(() => draftOf(camera, browser));
  const nowMs = (): number => wallMs(ward, browser.now());
  useEffect(() => screen.open(nowMs), [screen]);
  useEffect(() => () => screen.close(), [screen]);
  useKeys(screen);
  useUnsaved(screen);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const room = roomName(camera);
  const zones = screen.zones.value;
  return (
    <main class="zw">
      <div class="zw-head">
        <a class="btn gh" href={linkTo(camera)}>
          <Icon name="back" />
          {room} <kbd>Esc</kbd>
        </a>
        <h1 ref={heading} tabIndex={-1} class="ell">
          {text('z.title', { room })}
        </h1>
        {screen.steps.value.length > 0 && <span class="tag">{text('z.unsaved')}</span>}
        <span class="sp" />
        {zones !== null && mayChange(me.value) && <Steps screen={screen} />}
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      <Saved screen={screen} />
      {screen.failed.value === '' ? (
        zones === null ? (
          <p class="mute">{text('sy.asking')}</p>
        ) : (
          <>
            <Tools screen={screen} nowMs={nowMs} />
            <Drawing screen={screen} zones={zones} room={room} />
            <div class="zw-side">
              <List screen={screen} zones={zones} />
              <Chosen screen={screen} zones={zones} />
              {mayChange(me.value) && <FallAlarm screen={screen} />}
              <History screen={screen} />
            </div>
            <PreviewCard screen={screen} nowMs={nowMs} />
          </>
        )
      ) : (
        <p class="st blind wrap" role="status">
          <Icon name="lost" />
          {text('z.failed', { why: screen.failed.value })}
        </p>
      )}
    </main>
  );
}

function draftOf(camera: string, browser: Browser): ZonesScreen {
  const key = `${me.peek()?.user ?? ''} ${camera}`;
  let draft = drafts.get(key);
  if (draft === undefined) {
    draft = new ZonesScreen(camera, pictures(browser), () => me.peek()?.csrf ?? null);
    drafts.set(key, draft);
  }
  return draft;
}

function pictures(browser: Browser): ZonesBrowser {
  return {
    request: (method, path, options) => browser.request(method, path, options),
    async picture(path) {
      const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PICTURE_MS) }).catch(
        () => undefined,
      );
      if (!answer) return { refused: refusalText(undefined) };
      if (answer.status === 200) return { url: URL.createObjectURL(await answer.blob()) };
      const body: unknown = await answer.json().catch(() => null);
      return { refused: errorOf({ status: answer.status, body }).message };
    },
    forget: (url) => URL.revokeObjectURL(url),
  };
}

/** A tab that is closed says that something is not saved. */
function useUnsaved(screen: ZonesScreen): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (screen.isDirty) event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [screen]);
}

/** Keys of the tools, and of steps back and forth. */
function useKeys(screen: ZonesScreen): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      const key = event.key.toLowerCase();
      const takes = (): void => {
        event.preventDefault();
        event.stopPropagation();
      };
      if ((event.ctrlKey || event.metaKey) && key === 'z') {
        takes();
        if (event.shiftKey) screen.redo();
        else if (!screen.takeBack()) screen.undo();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const tool = TOOLS.find(([, , one]) => one.toLowerCase() === key)?.[0];
      if (tool !== undefined) {
        takes();
        screen.pick(tool);
      } else if (key === 'enter' && screen.tool.peek() !== 'choose' && !(event.target instanceof HTMLButtonElement)) {
        takes();
        screen.closeOutline();
      } else if (key === 'escape' && (screen.tool.peek() !== 'choose' || screen.chosen.peek() !== null)) {
        // The page leaves the view for this key once nothing is being drawn, and nothing is chosen.
        takes();
        screen.pick('choose');
        screen.chosen.value = null;
      }
    };
    document.addEventListener('keydown', press, { capture: true });
    return () => document.removeEventListener('keydown', press, { capture: true });
  }, [screen]);
}

function Steps({ screen }: { screen: ZonesScreen }): VNode {
  const count = screen.steps.value.length;
  const isAsking = screen.saving.value.kind === 'asking';
  return (
    <>
      <button type="button" class="btn" disabled={count === 0 || isAsking} onClick={() => screen.undo()}>
        <Icon name="undo" size="s" />
        {text('z.undo')} <kbd>Ctrl Z</kbd>
      </button>
      <button
        type="button"
        class="btn"
        disabled={!screen.mayRedo.value || isAsking}
        aria-label={text('z.redo')}
        title={text('z.redo')}
        onClick={() => screen.redo()}
      >
        <Icon name="redo" size="s" />
      </button>
      <button type="button" class="btn gh" disabled={count === 0 || isAsking} onClick={() => screen.undoTo(0)}>
        {text('z.discard')}
      </button>
      <button
        type="button"
        class="btn pri"
        disabled={!screen.isDirty || isAsking || screen.crossing.length > 0}
        onClick={() => void screen.save()}
      >
        {text(isAsking ? 'z.saving' : 'z.save', { n: screen.revision + 1 })}
      </button>
    </>
  );
}

/** What became of saving. */
function Saved({ screen }: { screen: ZonesScreen }): VNode | null {
  const saving = screen.saving.value;
  const [crossing] = screen.crossing;
  if (crossing !== undefined)
    return (
      <p class="st blind wrap" role="status">
        <Icon name="blind" />
        {text('z.crosses', { zone: crossing.id })}
      </p>
    );
  switch (saving.kind) {
    case 'saved':
      return (
        <p class="st wrap" role="status">
          <Icon name="check" />
          {text('z.saved', { n: saving.revision })}
        </p>
      );
    case 'refused':
      return (
        <p class="st blind wrap" role="alert">
          <Icon name="lost" />
          {text('z.refused', { why: saving.why })}
        </p>
      );
    case 'conflict':
      return (
        <p class="st blind wrap" role="alert">
          <Icon name="lost" />
          {text('z.conflict', { n: saving.revision })}
          <button type="button" class="btn sm" onClick={() => void screen.load()}>
            {text('z.theirs')}
          </button>
          <button type="button" class="btn sm" onClick={() => void screen.save(saving.revision)}>
            {text('z.mine')}
          </button>
        </p>
      );
    default:
      return null;
  }
}

function Tools({ screen, nowMs }: { screen: ZonesScreen; nowMs: () => number }): VNode {
  return (
    <nav class="card zw-tools" aria-label={text('z.tools')}>
      {mayChange(me.value) &&
        TOOLS.map(([tool, icon, key]) => (
          <button
            key={tool}
            type="button"
            class="tool"
            aria-pressed={screen.tool.value === tool}
            title={key}
            onClick={() => screen.pick(tool)}
          >
            <Icon name={icon} size="l" />
            <span>{text(tool === 'choose' ? 'z.choose' : `zk.${tool}`)}</span>
            <kbd aria-hidden="true">{key}</kbd>
          </button>
        ))}
      <span class="sp" />
      {hasPictures(me.value) && (
        <button type="button" class="tool" onClick={() => void screen.look(nowMs)}>
          <Icon name="camera" size="l" />
          <span>{text('z.again')}</span>
        </button>
      )}
    </nav>
  );
}

function List({ screen, zones }: { screen: ZonesScreen; zones: readonly Zone[] }): VNode {
  return (
    <section class="card" aria-label={text('z.list')}>
      {zones.length === 0 ? (
        <p class="quiet mute">{text('z.none')}</p>
      ) : (
        <ul class="zr">
          {zones.map((zone) => (
            <li key={zone.id} class={screen.chosen.value === zone.id ? 'sel' : ''}>
              <button
                type="button"
                class="pick"
                aria-pressed={screen.chosen.value === zone.id}
                onClick={() => {
                  screen.pick('choose');
                  screen.chosen.value = zone.id;
                }}
              >
                <Icon name={zone.kind} />
                <span class="tx">
                  <span>
                    <b>{zone.id}</b> <span class="tag">{text(`zk.${zone.kind}`)}</span>
                    {zone.from === null && <span class="mute"> {text('z.new')}</span>}
                  </span>
                  <span class="mute">{text(`zd.${zone.kind}`)}</span>
                </span>
              </button>
              {mayChange(me.value) && (
                <button
                  type="button"
                  class="icb"
                  aria-label={text('z.remove', { zone: zone.id })}
                  title={text('z.remove', { zone: zone.id })}
                  onClick={() => screen.removeZone(zone.id)}
                >
                  <Icon name="close" size="s" />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Name and kind of the chosen zone. */
function Chosen({ screen, zones }: { screen: ZonesScreen; zones: readonly Zone[] }): VNode | null {
  const zone = zones.find(({ id }) => id === screen.chosen.value);
  const [wrong, setWrong] = useState<'form' | 'taken' | null>(null);
  if (zone === undefined || !mayChange(me.value)) return null;
  const rename = (input: HTMLInputElement): void => {
    const id = input.value.trim();
    const why = id === zone.id ? null : whyNotCalled(zones, zone, id);
    setWrong(why);
    if (why === null && id !== zone.id) screen.rename(zone.id, id);
  };
  return (
    <section class="card prop" aria-label={text('z.chosen')}>
      <label>
        <span class="mute">{text('z.name')}</span>
        <input
          key={zone.id}
          class="in"
          defaultValue={zone.id}
          maxLength={63}
          aria-invalid={wrong !== null}
          onChange={({ currentTarget }) => rename(currentTarget)}
        />
      </label>
      <label>
        <span class="mute">{text('z.kind')}</span>
        <select
          class="in"
          value={zone.kind}
          onChange={({ currentTarget }) => screen.setKind(zone.id, currentTarget.value as ZoneKind)}
        >
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {text(`zk.${kind}`)}
            </option>
          ))}
        </select>
      </label>
      {wrong !== null && (
        <p class="st blind wrap" role="alert">
          {text(`z.name.${wrong}`)}
        </p>
      )}
      {zone.kind === 'privacy' && (
        <label class="check">
          <input
            type="checkbox"
            checked={zone.recorded === true}
            onChange={({ currentTarget }) => screen.setRecorded(zone.id, currentTarget.checked)}
          />
          <span>{text('z.recorded')}</span>
        </label>
      )}
      {zone.kind === 'bed' && <BedAlarm screen={screen} zone={zone} />}
      {zone.kind !== 'privacy' && zone.kind !== 'ignore' && <VisitAlarm screen={screen} zone={zone} />}
    </section>
  );
}

/** The last steps, each with a way back to before it. */
function History({ screen }: { screen: ZonesScreen }): VNode | null {
  const steps = screen.steps.value;
  if (steps.length === 0) return null;
  const first = Math.max(0, steps.length - STEPS);
  return (
    <section class="card" aria-label={text('z.steps')}>
      <h2 class="quiet">{text('z.steps')}</h2>
      <ol class="zs">
        {steps
          .map((one, i) => ({ one, i }))
          .slice(first)
          .toReversed()
          .map(({ one, i }) => (
            <li key={i}>
              <span>{text(`zs.${one.kind}`, { zone: one.zone })}</span>
              <button type="button" class="btn sm" onClick={() => screen.undoTo(i)}>
                {text('z.back')}
              </button>
            </li>
          ))}
      </ol>
    </section>
  );
}
