import type { VNode } from 'preact';
import { streamText } from './accounts.ts';
import { Icon } from './icons.tsx';
import { type AddScreen, modelsOf } from './settings-add.ts';
import { Add, NEW_CAMERA } from './settings-add-view.tsx';
import { linkTo, linkToZones } from './route.ts';
import { tileScreen } from './screen.ts';
import {
  type CameraDraft,
  type CameraSettings,
  type ConsumerDraft,
  type ConsumerSettings,
  differenceOf,
  differencesOf,
  fpsOf,
  patchOf,
  wouldBlind,
  wrongRates,
} from './settings-draft.ts';
import { Diff, Done, focusRow, FormHead, Question, Refusal, say } from './settings-parts.tsx';
import type { SettingsScreen } from './settings-screen.ts';
import { roomName, text } from './texts.ts';
import type { Ward } from './ward.ts';

/** Recording modes of which there are words. */
const RECORDED = { always: 'rec.always', on_event: 'rec.on_event', never: 'rec.never' } as const;

/** What asks whether a camera is removed. */
const REMOVE = 'remove-camera';

/** The cameras of the node, and the form of one. */
export function Cameras({ screen, adding, ward }: { screen: SettingsScreen; adding: AddScreen; ward: Ward }): VNode {
  const cameras = Object.entries(screen.config.value?.document.cameras ?? {});
  const watched = cameras.filter(([, { consumers }]) => enabledOf(consumers).length > 0).length;
  const draft = screen.draft.value;
  const saving = screen.saving.value;
  const isAdding = draft === null && adding.open.value;
  const add = (): void => {
    screen.close();
    if (screen.draft.peek() !== null) return;
    screen.adding.value = { kind: 'idle' };
    adding.begin(modelsOf(screen.config.peek()?.document ?? {})[0] ?? '');
  };
  return (
    <div class={`se-two ${draft === null && !isAdding ? '' : 'open'}`}>
      <section class="card se-list" aria-label={say('cams')}>
        <header>
          <h2 tabIndex={-1}>{say('cams')}</h2>
          <span class="mute">{say('cams.sub', { n: watched, m: cameras.length - watched })}</span>
          <span class="sp" />
          <button type="button" class="btn" data-row={NEW_CAMERA} aria-expanded={isAdding} onClick={add}>
            {say('add')}
          </button>
        </header>
        {!isAdding && screen.adding.value.kind === 'saved' && (
          <div class="body">
            <Done>{say('add.done', { n: screen.adding.value.revision })}</Done>
          </div>
        )}
        {draft === null && saving.kind === 'saved' && (
          <div class="body">
            <Done>
              {screen.removed.value === ''
                ? text('z.saved', { n: saving.revision })
                : say('removed', { room: roomName(screen.removed.value), n: saving.revision })}
            </Done>
          </div>
        )}
        {cameras.length === 0 ? (
          <p class="body mute">{say('cams.none')}</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">{say('cam')}</th>
                <th scope="col">{say('state')}</th>
                <th scope="col" class="wide">
                  {say('cons')}
                </th>
              </tr>
            </thead>
            <tbody>
              {cameras.map(([id, settings]) => (
                <Row key={id} id={id} settings={settings} screen={screen} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {draft !== null && <Form key={draft.camera} draft={draft} screen={screen} ward={ward} />}
      {isAdding && <Add adding={adding} screen={screen} />}
    </div>
  );
}

function enabledOf(consumers: CameraSettings['consumers']): string[] {
  return Object.entries(consumers ?? {}).flatMap(([id, { enabled = true }]) => (enabled ? [id] : []));
}

/** What the camera is called in the configuration that is shown: the wall may hear of it a moment later. */
function nameOf(id: string, { name }: CameraSettings): string {
  return name ?? nameFromId(id);
}

function nameFromId(id: string): string {
  const words = id.replaceAll(/[-_]+/g, ' ').trim();
  return words === '' ? id : words[0]?.toUpperCase() + words.slice(1);
}

/** `rtsp://***@192.168.1.24/stream1` is `192.168.1.24/stream1`. */
function shortAddress(source = ''): string {
  return source.replace(/^\w+:\/\/(?:[^@/]*@)?/, '');
}

function Row({ id, settings, screen }: { id: string; settings: CameraSettings; screen: SettingsScreen }): VNode {
  const { source, consumers, record } = settings;
  const mode = record?.mode ?? 'never';
  const isOpen = screen.draft.value?.camera === id;
  return (
    <tr class={isOpen ? 'cur' : ''}>
      <th scope="row">
        <span class="se-cam">
          <Thumbnail camera={id} />
          <span class="col">
            <button type="button" class="se-row" data-row={id} aria-expanded={isOpen} onClick={() => screen.edit(id)}>
              {nameOf(id, settings)}
            </button>
            <span class="mono mute se-address">{shortAddress(source)}</span>
          </span>
        </span>
      </th>
      <td>
        <State camera={id} />
      </td>
      <td class="wide soft">
        {enabledOf(consumers).join(' · ') || say('cons.none')}
        <div class="mute nowrap">{mode in RECORDED ? say(RECORDED[mode as keyof typeof RECORDED]) : mode}</div>
      </td>
    </tr>
  );
}

/** The picture of now, or none: an old one could pass for it. */
function Thumbnail({ camera }: { camera: string }): VNode {
  const { shape, url } = tileScreen(camera);
  return (
    <span class="se-thumb" aria-hidden="true">
      {shape.value.picture === 'live' ? <img src={url} alt="" /> : <Icon name="nopic" />}
    </span>
  );
}

const STATES = {
  watching: 'cam.watching',
  slow: 'cam.slow',
  blind: 'w.cannot',
  off: 'w.off',
  pending: 'cam.pending',
} as const;

function State({ camera }: { camera: string }): VNode {
  const { shape, reason } = tileScreen(camera);
  const { watch } = shape.value;
  const isBad = watch === 'blind' || watch === 'slow';
  return (
    <>
      <span class={`st ${isBad ? 'blind' : watch === 'watching' ? '' : 'mute'}`}>
        {watch === 'blind' && <Icon name="blind" />}
        {watch === 'slow' && <Icon name="slow" />}
        {watch === 'off' && <Icon name="off" />}
        {text(STATES[watch])}
      </span>
      {isBad && <div class="mute wide why">{reason}</div>}
    </>
  );
}

function Form({ draft, screen, ward }: { draft: CameraDraft; screen: SettingsScreen; ward: Ward }): VNode {
  const { camera, before, revision } = draft;
  const room = nameOf(camera, before);
  const { kind } = screen.saving.value;
  const isAsking = kind === 'asking';
  const report = ward.status?.cameras[camera]?.report;
  const consumers = Object.entries(draft.consumers);
  const wrong = wrongRates(draft);
  const close = (): void => {
    screen.close();
    focusRow(camera);
  };
  const change = (id: string, to: Partial<ConsumerDraft>): void => {
    const one = draft.consumers[id];
    if (one) screen.type({ consumers: { ...draft.consumers, [id]: { ...one, ...to } } });
  };
  return (
    <section class="card se-form" aria-label={room}>
      <FormHead label={text('close')} close={close}>
        {room} <span class="mono mute">{camera}</span>
      </FormHead>
      <dl class="kv">
        <dt>{say('address')}</dt>
        <dd class="mono">{before.source}</dd>
        {before.detect_source !== undefined && (
          <>
            <dt>{say('small')}</dt>
            <dd class="mono">{before.detect_source}</dd>
          </>
        )}
        <dt>{say('stream')}</dt>
        <dd>{(report && streamText(report)) || say('stream.none')}</dd>
      </dl>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void screen.save();
        }}
      >
        <fieldset class="se-fields" disabled={isAsking}>
          <label class="field">
            <span>{say('name')}</span>
            <input
              class="in"
              value={draft.name}
              maxLength={64}
              onInput={({ currentTarget }) => screen.type({ name: currentTarget.value })}
            />
            <small class="mute">{say('name.hint', { name: nameFromId(camera), id: camera })}</small>
          </label>
          <fieldset>
            <legend>{say('watch')}</legend>
            {consumers.length === 0 && <p class="mute">{say('watch.none')}</p>}
            {consumers.map(([id, one]) => (
              <Consumer
                key={id}
                id={id}
                settings={before.consumers?.[id] ?? {}}
                draft={one}
                change={(to) => change(id, to)}
              />
            ))}
            {consumers.length > 0 && <small class="mute">{say('fps.hint')}</small>}
            {wouldBlind(draft) && (
              <p class="st blind wrap" role="status">
                <Icon name="blind" />
                {say('blind', { room })}
              </p>
            )}
            {wrong.length > 0 && (
              <p class="st blind wrap" role="status">
                <Icon name="lost" />
                {say('fps.wrong', { consumer: wrong.join(', ') })}
              </p>
            )}
          </fieldset>
        </fieldset>
        {patchOf(draft) !== null && (
          <div class="se-what">
            <h3>{say('changes', { a: revision, b: revision + 1 })}</h3>
            <Diff of={differencesOf(draft)} label={say('changes', { a: revision, b: revision + 1 })} />
          </div>
        )}
        {!screen.removing.value && <Saved screen={screen} again={(to) => void screen.save(to)} />}
        <div class="row se-foot">
          {screen.isDirty && <span class="mute grow">{say('save.safe')}</span>}
          <span class="sp" />
          <button type="button" class="btn gh" disabled={isAsking} onClick={close}>
            {say('cancel')}
          </button>
          <button
            type="submit"
            class="btn pri"
            disabled={isAsking || kind === 'conflict' || patchOf(draft) === null || wrong.length > 0}
          >
            {isAsking && !screen.removing.value ? say('saving') : say('save.n', { n: revision + 1 })}
          </button>
        </div>
      </form>
      <div class="se-more">
        <div class="row">
          <a class="btn" href={linkTo(camera)}>
            <Icon name="camera" size="s" />
            {say('cam')}
          </a>
          <a class="btn" href={linkToZones(camera)}>
            <Icon name="area" size="s" />
            {text('z.open')}
          </a>
          <span class="sp" />
          {!screen.removing.value && (
            <button
              type="button"
              class="btn"
              data-row={REMOVE}
              disabled={isAsking}
              onClick={() => {
                screen.removing.value = true;
              }}
            >
              {say('remove')}
            </button>
          )}
        </div>
        {screen.removing.value && <Removal screen={screen} room={room} draft={draft} />}
      </div>
    </section>
  );
}

function Consumer({
  id,
  settings: { model, worker, sla },
  draft: { enabled, fps },
  change,
}: {
  id: string;
  settings: ConsumerSettings;
  draft: ConsumerDraft;
  change: (to: Partial<ConsumerDraft>) => void;
}): VNode {
  return (
    <div class="se-con">
      <label class="check">
        <input
          type="checkbox"
          checked={enabled}
          onChange={({ currentTarget }) => change({ enabled: currentTarget.checked })}
        />
        <b>{id}</b>
        <span class="mute ell">{model ?? worker}</span>
      </label>
      {sla !== undefined && <span class="tag">{sla}</span>}
      <span class="row">
        <input
          class="in rate"
          inputMode="decimal"
          value={fps}
          aria-label={say('fps', { consumer: id })}
          aria-invalid={fpsOf(fps) === undefined}
          onInput={({ currentTarget }) => change({ fps: currentTarget.value })}
        />
        <span class="mute nowrap">{say('fps.unit')}</span>
      </span>
    </div>
  );
}

function Saved({ screen, again }: { screen: SettingsScreen; again: (revision: number) => void }): VNode | null {
  const saving = screen.saving.value;
  const isRemoval = screen.removing.value;
  switch (saving.kind) {
    case 'saved':
      if (saving.changes.length === 0) return <Done>{say('unchanged', { n: saving.revision })}</Done>;
      return (
        <div class="se-what">
          <Done>{text('z.saved', { n: saving.revision })}</Done>
          <Diff of={saving.changes.map(differenceOf)} label={say('changed')} />
        </div>
      );
    case 'refused':
      return (
        <Refusal of={saving}>
          {isRemoval ? say('remove.refused', { why: saving.why }) : text('z.refused', { why: saving.why })}
        </Refusal>
      );
    case 'unanswered':
      return <Refusal of={saving}>{say('unanswered')}</Refusal>;
    case 'conflict':
      return (
        <div>
          <Refusal of={saving}>
            {isRemoval ? say('remove.conflict', { n: saving.revision }) : text('z.conflict', { n: saving.revision })}
          </Refusal>
          <div class="row se-choose">
            <button type="button" class="btn" onClick={() => void screen.theirs()}>
              {say('theirs')}
            </button>
            <button type="button" class="btn" onClick={() => again(saving.revision)}>
              {isRemoval ? say('remove.mine') : text('z.mine')}
            </button>
          </div>
        </div>
      );
    default:
      return null;
  }
}

function Removal({ screen, room, draft }: { screen: SettingsScreen; room: string; draft: CameraDraft }): VNode {
  return (
    <>
      <Saved screen={screen} again={(revision) => void screen.remove(revision)} />
      <Question
        yes={say('remove.yes', { room })}
        isAsking={screen.saving.value.kind === 'asking'}
        row={REMOVE}
        answer={(isYes) => {
          if (isYes) void screen.remove();
          else screen.removing.value = false;
        }}
      >
        <p>{say('remove.q', { room, n: draft.revision })}</p>
      </Question>
    </>
  );
}
