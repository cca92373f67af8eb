import type { NodeEvent } from '@vigia/contracts';
import { API_NAMES, type ApiName } from '@vigia/contracts/api';
import type { NodeState } from './fuzz-node.ts';
import { PEOPLE, type Person, refusalFor, SEEN } from './people.ts';

/** What changed by requests of somebody who may not change it: a sentence each. */
export function wrongEffects(person: Person, before: NodeState, after: NodeState): readonly string[] {
  const { role, cameras, user, by } = person;
  if (role === 'admin' && cameras === 'all' && by !== 'bare session') return [];
  const mine = by === 'bare session' ? '' : user;
  const camera = role === 'admin' && by !== 'bare session' ? SEEN : undefined;
  const parts = {
    'the configuration': (state: NodeState) => documentWithout(state, camera),
    users: (state: NodeState) => state.users,
    tokens: (state: NodeState) => state.tokens.filter((token) => token.user !== mine),
    revisions: (state: NodeState) => (camera === undefined ? state.revision : 0),
  };
  return Object.entries(parts)
    .filter(([, of]) => JSON.stringify(of(before)) !== JSON.stringify(of(after)))
    .map(([name]) => `${name} were changed`);
}

/** Entries of the audit about what somebody did who may not. */
export function wrongEntries(events: readonly NodeEvent[]): readonly string[] {
  return events.flatMap((event) => {
    if (event.kind !== 'audit' || event.data.outcome !== 'done') return [];
    const { by, action, target } = event.data;
    if (by.startsWith('control socket')) return [];
    const people = PEOPLE.filter(({ user }) => user !== '' && by.startsWith(`user ${user} (`));
    const may = people.some((person) => mayDo(person, action, target));
    return may ? [] : [`audit: ${by} did ${action} (${target})`];
  });
}

function mayDo(person: Person, action: string, target: string | null): boolean {
  const name = API_NAMES.find((one) => one === action) as ApiName;
  return refusalFor(person, name, target?.split('/')[0]) === undefined;
}

/** @param id A camera that may differ. Undefined: none may. */
function documentWithout({ document }: NodeState, id: string | undefined): unknown {
  const cameras = Object.entries((document['cameras'] ?? {}) as Readonly<Record<string, unknown>>);
  return { ...document, cameras: cameras.filter(([name]) => name !== id) };
}
