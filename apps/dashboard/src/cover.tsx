import type { VNode } from 'preact';
import { Icon } from './icons.tsx';
import { beats, coverHead, coverKnown, coverSince, lost } from './screen.ts';
import { text } from './texts.ts';

/**
 * The dead-man cover is always on its way in: a CSS animation of 4 s, which each heartbeat begins again by changing its
 * name. The compositor ends it even while this script hangs, so its texts are written beforehand, with absolute times.
 */
export function Cover(): VNode {
  return (
    <div
      class={`cover ${beats.value % 2 === 0 ? 'even' : 'odd'} ${lost.value ? 'here' : ''}`}
      aria-hidden={!lost.value}
    >
      <div class="hz" />
      <div class="mid">
        <Icon name="lost" />
        <div class="h">{coverHead}</div>
        <div class="n">{coverSince}</div>
        <p>
          {text('lost.knows')}
          <br />
          {text('lost.look')}
        </p>
        <Known />
        <small>{text('lost.auto')}</small>
      </div>
      <div class="hz" />
      {lost.value && (
        <div class="vh" role="alert">
          {text('lost.h')}. {text('lost.knows')}
        </div>
      )}
    </div>
  );
}

function Known(): VNode | null {
  if (coverKnown.value === '') return null;
  return (
    <div class="lk">
      <Icon name="alarm" size="l" />
      <span>{coverKnown}</span>
    </div>
  );
}
