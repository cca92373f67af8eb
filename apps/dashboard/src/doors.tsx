import { type Signal, signal } from '@preact/signals';
import type { ComponentChildren, ComponentType, VNode } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import type { CameraViewProps } from './camera-view.tsx';
import type { EventsViewProps } from './events-view.tsx';
import { Icon } from './icons.tsx';
import { WALL } from './route.ts';
import type { SettingsViewProps } from './settings-view.tsx';
import type { SystemViewProps } from './system-view.tsx';
import { roomName, text } from './texts.ts';
import type { TimelineViewProps } from './timeline-view.tsx';
import type { ZonesViewProps } from './zones-view.tsx';

/** A view in files of its own, which are loaded with its first use. */
class Door<Props> {
  readonly view: Signal<{ readonly View: ComponentType<Props> } | 'loading' | 'failed'> = signal('loading');
  readonly #import: () => Promise<ComponentType<Props>>;

  constructor(importView: () => Promise<ComponentType<Props>>) {
    this.#import = importView;
  }

  /** Nothing once the view is there. */
  async open(): Promise<void> {
    if (typeof this.view.peek() === 'object') return;
    this.view.value = 'loading';
    this.view.value = await this.#import().then(
      (View) => ({ View }),
      () => 'failed' as const,
    );
  }
}

const camera = new Door<CameraViewProps>(async () => (await import('./camera-view.tsx')).CameraView);
const events = new Door<EventsViewProps>(async () => (await import('./events-view.tsx')).EventsView);
const zones = new Door<ZonesViewProps>(async () => (await import('./zones-view.tsx')).ZonesView);
const timeline = new Door<TimelineViewProps>(async () => (await import('./timeline-view.tsx')).TimelineView);
const system = new Door<SystemViewProps>(async () => (await import('./system-view.tsx')).SystemView);
const settings = new Door<SettingsViewProps>(async () => (await import('./settings-view.tsx')).SettingsView);

/** The view of a camera. `known`: the node has this camera. */
export function CameraDoor({ known, ...props }: CameraViewProps & { readonly known: boolean }): VNode {
  const room = roomName(props.camera);
  return known ? <Entered door={camera} name={room} {...props} /> : <Lonely head={text('cam.unknown', { room })} />;
}

/** The zones of a camera. `known`: as above. */
export function ZonesDoor({ known, ...props }: ZonesViewProps & { readonly known: boolean }): VNode {
  const room = roomName(props.camera);
  if (!known) return <Lonely head={text('cam.unknown', { room })} />;
  return <Entered door={zones} name={text('z.title', { room })} {...props} />;
}

/** The view of the node. */
export function SystemDoor(props: SystemViewProps): VNode {
  return <Entered door={system} name={text('sy.title')} {...props} />;
}

/** What can be set. */
export function SettingsDoor(props: SettingsViewProps): VNode {
  return <Entered door={settings} name={text('nav.settings')} {...props} />;
}

/** What was recorded. */
export function TimelineDoor(props: TimelineViewProps): VNode {
  return <Entered door={timeline} name={text('tl.title')} {...props} />;
}

/** What happened. */
export function EventsDoor(props: EventsViewProps): VNode {
  return <Entered door={events} name={text('ev.title')} {...props} />;
}

function Entered<Props extends object>({ door, name, ...props }: { door: Door<Props>; name: string } & Props): VNode {
  useLayoutEffect(() => window.scrollTo(0, 0), []);
  useEffect(() => void door.open(), [door]);
  if (door.view.value === 'failed')
    return (
      <Lonely head={text('cam.failed')}>
        <button type="button" class="btn" onClick={() => location.reload()}>
          {text('cam.reload')}
        </button>
      </Lonely>
    );
  if (door.view.value === 'loading')
    return (
      <main class="asking">
        <h1>{name}</h1>
        <div class="skl" />
        <p class="mute">{text('cam.asking')}</p>
      </main>
    );
  const { View } = door.view.value;
  return <View {...(props as unknown as Props)} />;
}

function Lonely({ head, children }: { head: string; children?: ComponentChildren }): VNode {
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
