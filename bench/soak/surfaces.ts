/**
 * Everything that shows a node, asked at the same moment while a camera misbehaves: `--json`, MQTT, the API, the terminal's
 * screen, the report, `vigia health` and its exit code. For each fault of the fault matrix they must agree with each other,
 * and with what happens.
 */
import type { Table } from '../support/table.ts';
import { FAULTS, type Fault } from './camera-faults/fault-list.ts';
import { inLanes, type Outcome } from './camera-faults/rows.ts';
import { runSoak, type SoakResult } from './soak-run.ts';
import { otherCamera, type Scene, sceneOf, STOPPED_CAMERA_PROCESS } from './surfaces/scene.ts';
import { StateBroker } from './surfaces/state-broker.ts';
import { NAME as STOPPED_NODE, playStoppedNode } from './surfaces/stopped-node.ts';
import { SurfaceRow } from './surfaces/surface-row.ts';

/** Nodes at a time: they wait more than they compute. */
const LANES = 4;
/** Rows of the short form. */
const SHORT = new Set(['none', '404', 'freezes permanently', 'loss 5 % on UDP']);
const HEALTHY: Fault = { name: 'none', faults: [], told: [] };

const SCENES: readonly Scene[] = [
  ...[HEALTHY, ...FAULTS].map(sceneOf),
  otherCamera('frozen'),
  otherCamera('killed'),
  STOPPED_CAMERA_PROCESS,
];

await runSoak('surfaces', async (run): Promise<SoakResult> => {
  const broker = await StateBroker.start(run);
  const rows = [
    ...SCENES.map((scene) => ({ name: scene.name, play: () => new SurfaceRow(run, scene, broker).play() })),
    { name: STOPPED_NODE, play: (): Promise<Outcome> => playStoppedNode(run, broker) },
  ];
  const isChosen = ({ name }: { readonly name: string }): boolean =>
    run.only.length > 0 ? run.only.some((part) => name.includes(part)) : !run.short || SHORT.has(name);
  const outcomes = await inLanes(
    rows.filter(isChosen).map(({ play }) => play),
    LANES,
  );
  const table: Table = {
    title: 'What each surface says of a camera, asked at the same moment',
    columns: ['fault', '--json', 'last result', 'MQTT', 'report', 'API', 'terminal', 'health', 'agree'],
    rows: outcomes.map((o) => [...o.cells]),
    notes: [
      'asked 12.5 s after the state of the fault was reported, or, where the camera must stay connected, began',
      'last result: since the last ok result of this camera, whose critical consumer looks 5 times a second',
      'API: state, and the median age that it shows as current; terminal: state of the camera and of its consumer',
      'health: exit code of `vigia health`, and what it says of the camera',
    ],
  };
  return { tables: [table], failures: outcomes.flatMap((o) => o.failures) };
});
