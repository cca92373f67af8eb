import type { VNode } from 'preact';
import type { Probed } from '@vigia/contracts/api';
import { streamText } from './accounts.ts';
import { Icon } from './icons.tsx';
import { type AddScreen, adviceOf, camerasOf, idOf, modelsOf, type NewCamera, type Trial } from './settings-add.ts';
import { focusRow, FormHead, Refusal, say } from './settings-parts.tsx';
import type { SettingsScreen } from './settings-screen.ts';
import { duration, text, type TextKey } from './texts.ts';
import { EN } from './texts-en.ts';

/** What opens the form. */
export const NEW_CAMERA = 'new-camera';

const MIB = 1024 * 1024;
const RECORD = ['never', 'on_event', 'always'] as const;

/** The form of a camera that is not there yet: its address is tried, then it is added. */
export function Add({ adding, screen }: { adding: AddScreen; screen: SettingsScreen }): VNode {
  const camera = adding.camera.value;
  const { config } = screen;
  const taken = camerasOf(config.value?.document ?? {});
  const models = modelsOf(config.value?.document ?? {});
  const outcome = screen.adding.value;
  const isAsking = outcome.kind === 'asking';
  const isTried = adding.trial.value.kind === 'answer' && adding.trial.value.probed.state === 'live';
  const close = (): void => {
    adding.close();
    focusRow(NEW_CAMERA);
  };
  const save = async (): Promise<void> => {
    const wanted = adding.settings(taken);
    if (wanted === null) return;
    const { kind } = await screen.add(wanted.id, wanted.settings);
    if (kind === 'saved') close();
  };
  return (
    <section class="card se-form" aria-label={say('add')}>
      <FormHead label={text('close')} close={close}>
        {say('add')}
      </FormHead>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void adding.try();
        }}
      >
        <Address camera={camera} adding={adding} isAsking={isAsking} />
      </form>
      <Found trial={adding.trial.value} adding={adding} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <fieldset class="se-fields" disabled={isAsking}>
          <Watched camera={camera} adding={adding} models={models} id={idOf(camera.name, taken)} />
        </fieldset>
        {outcome.kind === 'refused' && <Refusal of={outcome}>{say('add.refused', { why: outcome.why })}</Refusal>}
        {outcome.kind === 'conflict' && <Refusal of={outcome}>{say('add.conflict', { n: outcome.revision })}</Refusal>}
        {outcome.kind === 'unanswered' && <Refusal of={outcome}>{say('unanswered')}</Refusal>}
        <div class="row se-foot">
          {camera.address !== '' && !isTried && <span class="mute grow">{say('add.untried')}</span>}
          <span class="sp" />
          <button type="button" class="btn gh" disabled={isAsking} onClick={close}>
            {say('cancel')}
          </button>
          <button type="submit" class="btn pri" disabled={isAsking || camera.address.trim() === ''}>
            {isAsking ? say('saving') : say('add.save', { n: (config.value?.revision ?? 0) + 1 })}
          </button>
        </div>
      </form>
    </section>
  );
}

function Address({ camera, adding, isAsking }: { camera: NewCamera; adding: AddScreen; isAsking: boolean }): VNode {
  return (
    <fieldset class="se-fields" disabled={isAsking}>
      <label class="field">
        <span>{say('add.address')}</span>
        <input
          class="in mono"
          value={camera.address}
          maxLength={1024}
          placeholder="rtsp://192.168.1.33/stream1"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          required
          onInput={({ currentTarget }) => adding.type({ address: currentTarget.value })}
        />
        <small class="mute">{say('add.address.hint')}</small>
      </label>
      <div class="se-login">
        <label class="field">
          <span>{say('add.user')}</span>
          <input
            class="in"
            value={camera.user}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            onInput={({ currentTarget }) => adding.type({ user: currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{say('add.password')}</span>
          <input
            class="in"
            type="password"
            value={camera.password}
            autocomplete="new-password"
            onInput={({ currentTarget }) => adding.type({ password: currentTarget.value })}
          />
        </label>
        <button
          type="submit"
          class="btn"
          disabled={camera.address.trim() === '' || adding.trial.value.kind === 'asking'}
        >
          {say('add.try')}
        </button>
      </div>
      <small class="mute">{say('add.password.hint')}</small>
    </fieldset>
  );
}

/** What came of the address. */
function Found({ trial, adding }: { trial: Trial; adding: AddScreen }): VNode | null {
  if (trial.kind === 'idle') return null;
  return (
    <div class="se-more">
      {trial.kind === 'asking' && (
        <p class="mute" role="status">
          {say('add.trying', { n: trial.forS })}
        </p>
      )}
      {trial.kind === 'failed' && <Refusal of={trial}>{say('add.failed', { why: trial.why })}</Refusal>}
      {trial.kind === 'answer' && trial.probed.state !== 'live' && <NotFound trial={trial} />}
      {trial.kind === 'answer' && trial.probed.state === 'live' && <Live probed={trial.probed} adding={adding} />}
    </div>
  );
}

/** In the words of the page, and then in those of the node, which may quote the camera. */
function NotFound({ trial: { probed }, trial }: { trial: Extract<Trial, { kind: 'answer' }> }): VNode {
  const key = `r.code.${probed.reason}`;
  const why = key in EN ? text(key as TextKey) : (probed.message ?? probed.state);
  return (
    <Refusal of={trial}>
      {say('add.failed', { why })}
      {probed.message !== null && probed.message !== why && <small class="soft se-said-more">{probed.message}</small>}
    </Refusal>
  );
}

function Live({ probed, adding }: { probed: Probed; adding: AddScreen }): VNode {
  const { picture, stream, memory_bytes: bytes, took_ms: tookMs } = probed;
  const advice = adviceOf(probed, adding.small.value !== '');
  return (
    <>
      <div class="se-found">
        {picture !== null && <img src={`data:image/jpeg;base64,${picture.jpeg}`} alt={say('add.picture')} />}
        <dl class="kv">
          <dt>{say('add.found', { s: duration(tookMs) })}</dt>
          <dd>
            <Icon name="check" size="s" />
          </dd>
          <dt>{say('add.stream')}</dt>
          <dd>
            {streamText({ stream })}
            {stream?.gop_ms != null && <div class="mute">{say('add.gop', { s: duration(stream.gop_ms) })}</div>}
          </dd>
          <dt>{say('add.memory')}</dt>
          <dd>{say('add.mib', { n: Math.ceil(bytes / MIB) })}</dd>
        </dl>
      </div>
      {advice.map((one) => (
        <p key={one} class="st wrap soft">
          <Icon name="slow" />
          {say(`add.adv.${one}`)}
        </p>
      ))}
      <Small adding={adding} />
    </>
  );
}

function Small({ adding }: { adding: AddScreen }): VNode {
  const trial = adding.smallTrial.value;
  const isAsking = trial.kind === 'asking';
  return (
    <div class="field">
      <span id="add-small">{say('add.small')}</span>
      <div class="se-small">
        <input
          class="in mono"
          value={adding.small.value}
          aria-labelledby="add-small"
          aria-describedby="add-small-hint"
          maxLength={512}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          onInput={({ currentTarget }) => adding.typeSmall(currentTarget.value)}
        />
        <button
          type="button"
          class="btn"
          disabled={isAsking || adding.small.value === ''}
          onClick={() => void adding.trySmall()}
        >
          {say('add.small.try')}
        </button>
      </div>
      {isAsking && (
        <span class="mute" role="status">
          {say('add.trying', { n: trial.forS })}
        </span>
      )}
      {trial.kind === 'failed' && <Refusal of={trial}>{say('add.failed', { why: trial.why })}</Refusal>}
      {trial.kind === 'answer' &&
        (trial.probed.state === 'live' ? (
          <span class="st" role="status">
            <Icon name="check" size="s" />
            {streamText(trial.probed)}
          </span>
        ) : (
          <NotFound trial={trial} />
        ))}
      <small class="mute" id="add-small-hint">
        {say('add.small.hint')}
      </small>
    </div>
  );
}

function Watched({
  camera,
  adding,
  models,
  id,
}: {
  camera: NewCamera;
  adding: AddScreen;
  models: readonly string[];
  id: string;
}): VNode {
  return (
    <>
      <label class="field">
        <span>{say('add.name')}</span>
        <input
          class="in"
          value={camera.name}
          maxLength={64}
          onInput={({ currentTarget }) => adding.type({ name: currentTarget.value })}
        />
        <small class="mute">{say('add.name.hint', { id })}</small>
      </label>
      <label class="field">
        <span>{say('add.model')}</span>
        <select
          class="in"
          value={camera.model}
          onChange={({ currentTarget }) => adding.type({ model: currentTarget.value })}
        >
          {models.map((model) => (
            <option key={model} value={model}>
              {say('add.model.one', { model })}
            </option>
          ))}
          <option value="">{say('add.model.none')}</option>
        </select>
        {models.length === 0 && <small class="mute">{say('add.model.no')}</small>}
      </label>
      {camera.model !== '' && (
        <label class="check">
          <input
            type="checkbox"
            checked={camera.falls}
            onChange={({ currentTarget }) => adding.type({ falls: currentTarget.checked })}
          />
          {say('add.falls')}
        </label>
      )}
      <label class="field">
        <span>{say('add.record')}</span>
        <select
          class="in"
          value={camera.record}
          onChange={({ currentTarget }) => {
            const record = RECORD.find((one) => one === currentTarget.value);
            if (record !== undefined) adding.type({ record });
          }}
        >
          {RECORD.map((one) => (
            <option key={one} value={one}>
              {say(`add.record.${one}`)}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
