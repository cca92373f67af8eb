/**
 * The fault matrix of cameras: a real node with two cameras, one of which misbehaves. For each fault: reported state
 * and reason, time to detection and recovery, cost, and the effect on the other camera (none).
 */
import type { Table } from '../support/table.ts';
import { FAULTS } from './camera-faults/fault-list.ts';
import { FaultRow } from './camera-faults/fault-row.ts';
import { playOther } from './camera-faults/other-camera.ts';
import { inLanes, type Outcome } from './camera-faults/rows.ts';
import { playStopped } from './camera-faults/stopped.ts';
import { runSoak, type SoakResult } from './soak-run.ts';

/** Concurrent rows in the short form, where times are not recorded. */
const SHORT_LANES = 4;

await runSoak('camera-faults', async (run): Promise<SoakResult> => {
  const { short, only } = run;
  const chosen = FAULTS.filter((f) => (only.length === 0 ? !(short && f.long) : only.some((o) => f.name.includes(o))));
  const rows: (() => Promise<Outcome>)[] = chosen.map((fault) => () => new FaultRow(run, fault).play());
  for (const way of ['frozen', 'killed'] as const)
    if (only.length === 0 || only.some((o) => `gst-rtsp-server ${way}`.includes(o)))
      rows.push(() => playOther(run, way));
  for (const who of ['camera process', 'every consumer'] as const)
    if (only.length === 0 || only.some((o) => `${who} stopped`.includes(o))) rows.push(() => playStopped(run, who));
  const outcomes = await inLanes(rows, short ? SHORT_LANES : 1);
  const table: Table = {
    title: 'Cameras that misbehave',
    columns: [
      'fault',
      'state (reason)',
      'detected after, ms',
      'recovered after, ms',
      'pictures missing',
      'the other camera',
    ],
    rows: outcomes.map((o) => [...o.cells]),
    notes: [
      'detected: from the fault to the state; recovered: from its end (of faults that pass: from their beginning) to the first ok result of a picture taken after it',
      'pictures missing: of the ten a second that the camera is due from its first to the end of the run, how many were not published',
      'gap: longest time between two ok results of the other camera, whose consumer looks 5 times a second, ms',
    ],
  };
  return { tables: [table], failures: outcomes.flatMap((o) => o.failures) };
});
