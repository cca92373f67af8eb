import type { FakeContainer, FakeManner } from '@vigia/testkit';
import type { VigiaNode } from '../../support/vigia-node.ts';
import type { BadDeed, BadModel } from './bad-model.ts';

/** Actions of a row on the model. */
export interface Levers {
  readonly node: VigiaNode;
  readonly bad: BadModel;
  /** In place of the external container. */
  readonly fake: FakeContainer;
}

/** One kind of failure. */
export interface DeathRow {
  readonly name: string;
  /** The consumer to observe: of the node's own model, or of the external one. */
  readonly camera: 'own' | 'external';
  /** Result codes of which at least one must be reported. */
  readonly codes: readonly string[];
  readonly begin: (levers: Levers) => void;
  /** Ends a persistent failure, some time after its detection. */
  readonly end?: (levers: Levers) => void;
  /** Whether the container must have been restarted. */
  readonly restarts?: boolean;
  /** Time limit until results are ok again, milliseconds: excludes a slower mechanism that would hide a broken one. */
  readonly backWithinMs?: number;
  /** Left out of the short form. */
  readonly long?: boolean;
}

const GONE = ['connection_lost', 'not_ready'] as const;

function ordered(name: string, deed: BadDeed, codes: readonly string[], more: Partial<DeathRow> = {}): DeathRow {
  return { name, camera: 'own', codes, begin: ({ bad }) => bad.order(deed), ...more };
}

function mannered(name: string, manner: FakeManner, codes: readonly string[], more: Partial<DeathRow> = {}): DeathRow {
  return {
    name,
    camera: 'external',
    codes,
    begin: ({ fake }) => fake.misbehave(manner),
    end: ({ fake }) => fake.misbehave(),
    ...more,
  };
}

const container = ({ node }: Levers): number => node.childWith('model-container', '--model-id bad');
const relent = ({ bad }: Levers): void => bad.relent();

/** The matrix. */
export const DEATHS: readonly DeathRow[] = [
  {
    name: 'killed from outside (SIGKILL)',
    camera: 'own',
    codes: GONE,
    begin: (levers) => void process.kill(container(levers), 'SIGKILL'),
    restarts: true,
  },
  ordered('crashes: SIGKILL in the middle of a run', 'kill', GONE, { restarts: true, long: true }),
  ordered('crashes: SIGABRT, as native code does', 'abort', GONE, { restarts: true, long: true }),
  ordered('exits by itself with code 3', 'exit', GONE, { restarts: true, long: true }),
  // Its own limit ends it after 2 s; without that, probes would detect it only after more than half a minute.
  ordered('hangs in an inference', 'hang', ['deadline_exceeded', ...GONE], { restarts: true, backWithinMs: 20_000 }),
  {
    name: 'hangs as a whole (SIGSTOP)',
    camera: 'own',
    codes: ['deadline_exceeded', ...GONE],
    begin: (levers) => void process.kill(container(levers), 'SIGSTOP'),
    restarts: true,
    long: true,
  },
  {
    name: 'starts slowly (4 s) after a kill',
    camera: 'own',
    codes: GONE,
    begin: (levers) => {
      levers.bad.order('slow_start');
      process.kill(container(levers), 'SIGKILL');
    },
    restarts: true,
    long: true,
  },
  ordered('grows past its memory', 'grow', GONE, { restarts: true, end: relent, long: true }),
  ordered('throws at every picture', 'throw', ['inference_failed'], { end: relent }),
  ordered('answers with wrong detections', 'wrong', ['inference_failed'], { end: relent, long: true }),
  ordered('takes longer than the deadline', 'slow', ['deadline_exceeded'], { end: relent, long: true }),
  mannered('external: hangs in accept', 'hang', GONE, {
    begin: ({ fake }) => {
      fake.misbehave('hang');
      fake.dropClients();
    },
  }),
  mannered('external: reads and never answers', 'silent', ['deadline_exceeded'], { long: true }),
  mannered('external: never grants and says nothing', 'mute', [...GONE, 'deadline_exceeded'], { long: true }),
  mannered('external: answers for another frame', 'wrong_frame', ['wrong_frame']),
  mannered('external: fields are missing', 'missing_fields', ['inference_failed'], { long: true }),
  mannered('external: neither detections nor an error', 'null_detections', ['inference_failed'], { long: true }),
  mannered('external: sends garbage', 'garbage', GONE, { long: true }),
  mannered('external: half an answer, then the end', 'closes_mid_answer', GONE, { long: true }),
];
