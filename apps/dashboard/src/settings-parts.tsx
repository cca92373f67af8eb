// What the parts of the settings share: words, outcomes, differences, questions.
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { type Difference, diffLines } from './settings-draft.ts';
import { SETTINGS_DE } from './texts-settings-de.ts';
import { SETTINGS_EN, type SettingsKey } from './texts-settings-en.ts';
import { textOf } from './texts.ts';

/** The row of a user who is not there yet. */
export const NEW_USER = 'new-user';

/** A text of the settings. */
export function say(key: SettingsKey, values: Readonly<Record<string, string | number>> = {}): string {
  return textOf(SETTINGS_EN, SETTINGS_DE, key, values);
}

/** `user anna (192.168.1.7)` is `anna (192.168.1.7)`. */
export function authorOf(by: string): string {
  return by.replace(/^user /, '');
}

/** Why nothing was done. The focus goes to it. @param of What it belongs to: another object is another refusal. */
export function Refusal({ of, children }: { of: object; children: ComponentChildren }): VNode {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => element.current?.focus(), [of]);
  return (
    <div ref={element} class="se-said st blind wrap" role="alert" tabIndex={-1}>
      <Icon name="lost" />
      <span>{children}</span>
    </div>
  );
}

/** What was done. The focus goes to it: what was pressed is often gone. */
export function Done({ children }: { children: ComponentChildren }): VNode {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => element.current?.focus(), []);
  return (
    <div ref={element} class="se-said st wrap" role="status" tabIndex={-1}>
      <Icon name="check" />
      <span>{children}</span>
    </div>
  );
}

/** Paths that differ, as lines. */
export function Diff({ of, label }: { of: readonly Difference[]; label: string }): VNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls long lines with the keyboard.
    <div class="se-diff" role="group" aria-label={label} tabIndex={0}>
      {diffLines(of).map(({ kind, text }, i) => (
        <div key={i} class={kind}>
          {text}
        </div>
      ))}
    </div>
  );
}

/** A question in place, with the answer that changes nothing first. */
export function Question({
  children,
  yes,
  isAsking,
  row,
  answer,
}: {
  children: ComponentChildren;
  yes: string;
  isAsking: boolean;
  /** What opened it: see {@link focusRow}. */
  row: string;
  answer: (isYes: boolean) => void;
}): VNode {
  const decline = (): void => {
    answer(false);
    focusRow(row);
  };
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => no.current?.focus(), []);
  return (
    <div class="se-ask">
      {children}
      <div class="row">
        <button ref={no} type="button" class="btn gh" disabled={isAsking} onClick={decline}>
          {say('cancel')}
        </button>
        <button type="button" class="btn pri" disabled={isAsking} onClick={() => answer(true)}>
          {yes}
        </button>
      </div>
    </div>
  );
}

/** The head of a form, which gets the focus when it opens. */
export function FormHead({
  children,
  label,
  close,
}: {
  children: ComponentChildren;
  label: string;
  close: () => void;
}): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <header>
      <h2 ref={heading} tabIndex={-1} class="ell">
        {children}
      </h2>
      <span class="sp" />
      <button type="button" class="icb" aria-label={label} title={label} onClick={close}>
        <Icon name="close" />
      </button>
    </header>
  );
}

/** What opened a form or a question gets the focus back, or the heading of the list if it has gone. */
export function focusRow(row: string): void {
  requestAnimationFrame(() => {
    const button = document.querySelector<HTMLElement>(`[data-row="${CSS.escape(row)}"]`);
    (button ?? document.querySelector<HTMLElement>('.se-list h2'))?.focus();
  });
}
