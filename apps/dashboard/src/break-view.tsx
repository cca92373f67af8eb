import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { BREAKS, BreakScreen } from './break-screen.ts';
import type { Browser } from './connection.ts';
import { me, type Shape } from './screen.ts';
import { text } from './texts.ts';
import type { Ward } from './ward.ts';

/** Buttons that break a demo on purpose, and what follows from it. */
export function BreakIt({
  camera,
  ward,
  browser,
  shape,
}: {
  camera: string;
  ward: Ward;
  browser: Browser;
  shape: Shape;
}): VNode {
  const [screen] = useState(() => new BreakScreen(camera, ward, browser, () => me.peek()?.csrf ?? null));
  useEffect(() => {
    const unfollow = ward.follow(camera, (result) => screen.take(result));
    return () => {
      unfollow();
      screen.close();
    };
  }, [camera, ward, screen]);
  const isRecorded = ward.status?.cameras[camera]?.recording !== undefined;
  // What is broken already shows nothing new.
  const looks = shape.watch === 'watching' || shape.watch === 'slow';
  return (
    <section class="card breaks" aria-label={text('br.title')}>
      <header>
        <h2>{text('br.title')}</h2>
        <span class="mute">{text('br.only')}</span>
      </header>
      <div class="row">
        {BREAKS.filter((what) => what !== 'recorder' || isRecorded).map((what) => (
          <button
            key={what}
            type="button"
            class="btn"
            disabled={screen.asking.value || !looks}
            onClick={() => void screen.break(what)}
          >
            {text(`br.${what}`)}
          </button>
        ))}
      </div>
      <p class="wrap" role="status">
        {screen.said}
      </p>
    </section>
  );
}
