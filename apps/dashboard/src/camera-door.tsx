import { type Signal, signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import type { CameraView, CameraViewProps } from './camera-view.tsx';
import { Icon } from './icons.tsx';
import { WALL } from './route.ts';
import { roomName, text } from './texts.ts';

const view: Signal<{ readonly View: typeof CameraView } | 'loading' | 'failed'> = signal('loading');

/** The view of a camera; its code is loaded with the first use. `known`: the node has this camera. */
export function CameraDoor({ known, ...camera }: CameraViewProps & { readonly known: boolean }): VNode {
  useLayoutEffect(() => window.scrollTo(0, 0), []);
  useEffect(() => {
    if (known && typeof view.peek() === 'string') void load();
  }, [known]);
  const room = roomName(camera.camera);
  if (!known) return <Lonely head={text('cam.unknown', { room })} />;
  if (view.value === 'failed')
    return (
      <Lonely head={text('cam.failed')}>
        <button type="button" class="btn" onClick={() => location.reload()}>
          {text('cam.reload')}
        </button>
      </Lonely>
    );
  if (view.value === 'loading')
    return (
      <main class="asking">
        <h1>{room}</h1>
        <div class="skl" />
        <p class="mute">{text('cam.asking')}</p>
      </main>
    );
  const { View } = view.value;
  return <View {...camera} />;
}

async function load(): Promise<void> {
  view.value = 'loading';
  view.value = await import('./camera-view.tsx').then(
    ({ CameraView: View }) => ({ View }),
    () => 'failed' as const,
  );
}

function Lonely({ head, children }: { head: string; children?: VNode }): VNode {
  return (
    <main class="empty">
      <h1>{head}</h1>
      <Icon name="camera" size="l" />
      {children}
      <a class="btn" href={WALL}>
        <Icon name="back" />
        {text('cam.back')}
      </a>
    </main>
  );
}
