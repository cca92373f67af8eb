import type { NodeEvent } from '@vigia/contracts';
import type { IconName } from './icons.tsx';
import { EN, type TextKey } from './texts-en.ts';
import { text } from './texts.ts';

/** What an event is called. */
export function eventName(event: NodeEvent): string {
  return text(nameKey(event));
}

function nameKey({ kind, data }: NodeEvent): TextKey {
  switch (kind) {
    case 'fall':
      return data.reason === 'long_lie' ? 'a.long_lie' : 'a.fall';
    case 'bed':
    case 'visit': {
      const alarm = `a.${data.reason}`;
      if (data.reason !== null && alarm in EN) return alarm as TextKey;
      return `ev.${kind}.${data.state}` as TextKey;
    }
    case 'audit':
      return data.outcome === 'refused' ? 'ev.refused' : 'ev.audit';
    default:
      return `ev.${kind}`;
  }
}

/** The sentence of an event: that of the node, where it has one. */
export function eventSentence({ kind, data }: NodeEvent): string {
  switch (kind) {
    case 'node':
      return text(data.state === 'started' ? 'ev.started' : 'ev.stopping', { v: data.version });
    case 'config':
      return text('ev.by', { who: data.by, what: data.changes.join(' · ') });
    case 'audit':
      return text('ev.by', { who: data.by, what: [data.action, data.target].filter((one) => one !== null).join(' ') });
    case 'model_state':
      return stateOf(data.model, data.state, data.reason);
    case 'worker_state':
      return stateOf(data.worker, data.state, data.message ?? data.reason);
    case 'camera_state':
    case 'recording':
      return stateOf('', data.state, data.message ?? data.reason);
    default:
      return data.message;
  }
}

function stateOf(name: string, state: string, why: string | null): string {
  return `${name === '' ? '' : `${name}: `}${state}${why === null ? '' : ` (${why})`}`;
}

/** The icon of an event. */
export function eventIcon({ kind }: NodeEvent): IconName {
  switch (kind) {
    case 'fall':
      return 'alarm';
    case 'bed':
      return 'bed';
    case 'visit':
    case 'audit':
    case 'config':
      return 'person';
    case 'consumer_blind':
      return 'blind';
    case 'camera_state':
      return 'camera';
    case 'sla':
    case 'shedding':
      return 'slow';
    default:
      return 'list';
  }
}

/** The numbers that decided, by the keys of their names: what a person can compare. */
export function figuresOf(event: NodeEvent): readonly (readonly [TextKey, string])[] {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  switch (event.kind) {
    case 'fall': {
      const { evidence, down_ms: downMs, age_ms: ageMs } = event.data;
      return [
        ['ev.f.down', seconds(downMs)],
        ...(evidence.drop === null ? [] : [['ev.f.drop', `${Math.round(evidence.drop * 100)} %`] as const]),
        ['ev.f.shape', evidence.shape.toFixed(1)],
        ['ev.f.seen', String(evidence.sightings)],
        ['ev.f.looks', String(evidence.looks)],
        ['ev.f.age', `${Math.round(ageMs)} ms`],
      ];
    }
    case 'bed': {
      const { away_ms: awayMs, age_ms: ageMs } = event.data;
      return [
        ...(awayMs === null ? [] : [['ev.f.away', seconds(awayMs)] as const]),
        ['ev.f.age', `${Math.round(ageMs)} ms`],
      ];
    }
    case 'visit': {
      const { people, visit, age_ms: ageMs } = event.data;
      return [
        ['ev.f.people', String(people)],
        ...(visit === null ? [] : [['ev.f.most', String(visit.most_people)] as const]),
        ['ev.f.age', `${Math.round(ageMs)} ms`],
      ];
    }
    default:
      return [];
  }
}
