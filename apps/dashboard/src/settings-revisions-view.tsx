import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { type Difference, differenceOf } from './settings-draft.ts';
import { authorOf, Diff, Done, Question, Refusal, say } from './settings-parts.tsx';
import type { Outcome, Return, Revision, SettingsScreen } from './settings-screen.ts';
import { dayTime, text } from './texts.ts';

/** Lines of a change that are shown before somebody asks for more. */
const LINES = 4;

/** The revisions of the configuration, and the way back to one. */
export function Revisions({ screen, nowMs }: { screen: SettingsScreen; nowMs: () => number }): VNode {
  const inForce = screen.config.value?.revision;
  const beside = screen.config.value?.beside_file ?? [];
  const target = screen.target.value;
  return (
    <>
      {target === null && <Outcome of={screen.going.value} />}
      <section class="card se-list" aria-label={say('revs')}>
        <header>
          <h2 tabIndex={-1}>{say('revs')}</h2>
          <span class="mute">{say('r.sub')}</span>
        </header>
        <ol class="se-revs">
          <li class="cap" aria-hidden="true">
            <span>{say('r.no')}</span>
            <span>{say('r.at')}</span>
            <span>{say('r.by')}</span>
            <span>{say('r.what')}</span>
          </li>
          {screen.revisions.value.map((one) => (
            <li key={one.revision} class={one.revision === inForce ? 'cur' : ''}>
              <span class="b">{one.revision}</span>
              <time class="soft" dateTime={one.at}>
                {dayTime(Date.parse(one.at), nowMs())}
              </time>
              <span class="by">{authorOf(one.by)}</span>
              <Changes of={one} />
              {one.revision === inForce ? (
                <span class="tag">{say('r.now')}</span>
              ) : (
                <button
                  type="button"
                  class="btn"
                  data-row={`revision ${one.revision}`}
                  aria-label={`${say('r.back')}: ${one.revision}`}
                  aria-expanded={target?.revision === one.revision}
                  onClick={() => screen.consider(one.revision)}
                >
                  {say('r.back')}
                </button>
              )}
              {target?.revision === one.revision && <GoBack screen={screen} target={target} />}
            </li>
          ))}
        </ol>
      </section>
      <section class="card se-beside" aria-label={say('r.beside')}>
        <header>
          <h2>{say('r.beside')}</h2>
          <span class="mute">{say(beside.length > 0 ? 'r.beside.some' : 'r.beside.none')}</span>
        </header>
        {beside.length > 0 && (
          <div class="body">
            <Diff of={beside.map(differenceOf)} label={say('r.beside')} />
          </div>
        )}
      </section>
    </>
  );
}

function Changes({ of: { changes } }: { of: Revision }): VNode {
  const [all, setAll] = useState(false);
  const shown = all ? changes : changes.slice(0, LINES);
  return (
    <div class="soft what">
      {changes.length === 0 && <span class="mute">{say('r.first')}</span>}
      {shown.map((line) => (
        <div key={line}>{line}</div>
      ))}
      {shown.length < changes.length && (
        <button type="button" class="btn gh" onClick={() => setAll(true)}>
          {say('r.more', { n: changes.length - shown.length })}
        </button>
      )}
    </div>
  );
}

function GoBack({ screen, target }: { screen: SettingsScreen; target: Return }): VNode {
  const going = screen.going.value;
  const { revision, from, takenBack } = target;
  const undone = takenBack.flatMap(({ changes }) => changes.toReversed().map(inverseOf));
  return (
    <div class="se-back">
      <Outcome of={going} />
      <Question
        yes={say('r.back.n', { n: revision })}
        isAsking={going.kind === 'asking'}
        row={`revision ${revision}`}
        answer={(isYes) => (isYes ? void screen.goBack() : screen.consider(null))}
      >
        <p>{say('r.q', { n: revision, m: from + 1 })}</p>
        <Diff of={undone} label={say('r.undone')} />
        <p class="mute">{say('r.old')}</p>
      </Question>
    </div>
  );
}

/** What is put back when a change is taken back. */
function inverseOf(change: string): Difference {
  const { path, before, after } = differenceOf(change);
  return { path, before: after, after: before };
}

function Outcome({ of }: { of: Outcome }): VNode | null {
  switch (of.kind) {
    case 'saved':
      if (of.changes.length === 0) return <Done>{say('unchanged', { n: of.revision })}</Done>;
      return (
        <div class="card body">
          <Done>{say('r.done', { n: of.revision })}</Done>
          <Diff of={of.changes.map(differenceOf)} label={say('changed')} />
        </div>
      );
    case 'refused':
      return <Refusal of={of}>{text('z.refused', { why: of.why })}</Refusal>;
    case 'conflict':
      return <Refusal of={of}>{text('z.conflict', { n: of.revision })}</Refusal>;
    case 'unanswered':
      return <Refusal of={of}>{say('unanswered')}</Refusal>;
    default:
      return null;
  }
}
