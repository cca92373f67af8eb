import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import type { LoginOutcome } from './connection.ts';
import { Brand, Icon } from './icons.tsx';
import { text } from './texts.ts';

/**
 * Asks for name and password. `login` resolves with what became of it; `wantSound` is called before, within the press,
 * because browsers allow sound then. `corridor`: people read this screen who cannot log in.
 */
export function Login({
  login,
  wantSound,
  wantsSound,
  corridor,
}: {
  login: (user: string, password: string) => Promise<LoginOutcome>;
  wantSound: (wanted: boolean) => void;
  wantsSound: boolean;
  corridor: boolean;
}): VNode {
  const problem = useSignal('');
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value : '';
    };
    busy.value = true;
    wantSound(form.has('sound'));
    const outcome = await login(field('user'), field('password'));
    busy.value = false;
    if (outcome.kind === 'done') problem.value = '';
    else if (outcome.kind === 'wrong') problem.value = text('login.wrong');
    else if (outcome.kind === 'many') problem.value = text('login.many', { s: `${Math.ceil(outcome.afterS)} s` });
    else problem.value = text('login.failed', { why: outcome.why });
  };
  return (
    <main class="login">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1 class="brand">
          <Brand />
          <span>vigia</span>
        </h1>
        {corridor ? (
          <p class="st blind wrap" role="alert">
            <Icon name="blind" />
            <b>{text('login.corridor')}</b>
          </p>
        ) : (
          <p class="mute">{text('login.why')}</p>
        )}
        <label>
          {text('login.name')}
          <input class="in" name="user" autocomplete="username" autocapitalize="none" required autofocus />
        </label>
        <label>
          {text('login.password')}
          <input class="in" name="password" type="password" autocomplete="current-password" required />
        </label>
        <label class="row check">
          <input name="sound" type="checkbox" checked={wantsSound} />
          {text('login.sound')}
        </label>
        {problem.value !== '' && (
          <p class="st blind wrap" role="alert">
            <Icon name="slow" size="s" />
            {problem}
          </p>
        )}
        <button type="submit" class="btn pri lg" disabled={busy}>
          {text('login.button')}
        </button>
      </form>
    </main>
  );
}
