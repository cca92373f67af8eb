import type { ApiResponse } from '@vigia/contracts/api';
import type { ControlledNode } from '#services/control-plane';
import type { DesiredState } from '#node/desired';
import { describeChange } from '#node/plan';
import type { Recordings } from '#node/recordings';
import { type NodeParts, reportOf, statusOf } from './node-report.ts';
import { previewTask } from './preview-task.ts';
import { probeCamera, type ProbingNode } from './probe-camera.ts';

/** The node's own operations behind the control socket. */
export interface NodeActions
  extends Pick<
    ControlledNode,
    | 'health'
    | 'problems'
    | 'budget'
    | 'metrics'
    | 'camera'
    | 'restartCamera'
    | 'restartWorker'
    | 'breakDemo'
    | 'events'
    | 'countEvents'
    | 'acknowledge'
    | 'resumable'
    | 'logs'
    | 'newEventId'
    | 'audit'
  > {
  readonly desired: DesiredState;
  readonly runDir: string;
  /** Tries a camera that the node does not have. */
  readonly tryCamera: ProbingNode['tryCamera'];
  readonly recordings: Recordings;
  refreshDoors(): Promise<void>;
}

/** The operations of the control plane. */
export function controlledNode(node: NodeActions, parts: NodeParts): ControlledNode {
  const { desired } = node;
  return {
    report: () => reportOf(parts),
    status: () => statusOf(parts),
    lastMinute: () => parts.ages.lastMinute(),
    logs: (query) => node.logs(query),
    health: () => node.health(),
    problems: () => node.problems(),
    budget: () => node.budget(),
    metrics: () => node.metrics(),
    get cameraIds() {
      return [...parts.children.cameras.keys()];
    },
    camera: (id) => node.camera(id),
    restartCamera: (id) => node.restartCamera(id),
    restartWorker: (id, consumer) => node.restartWorker(id, consumer),
    breakDemo: (wish) => node.breakDemo(wish),
    events: (query) => node.events(query),
    countEvents: (query) => node.countEvents(query),
    acknowledge: (event, by, found) => node.acknowledge(event, by, found),
    get playback() {
      return node.recordings.playback;
    },
    recordings: async (ask) => structuredClone(await node.recordings.spans(ask)) as ApiResponse<'recordings'>,
    markRecording: (camera, fromMs, toMs) => node.recordings.mark(camera, fromMs, toMs),
    previewTask: (ask) => {
      const { camera } = ask;
      const stream = node.camera(camera)?.recentReport().stream;
      return previewTask(ask, { settings: desired.cameraSettings(camera), stream }, parts.wallMs());
    },
    probeCamera: (ask, { trusted }) =>
      probeCamera(
        {
          runDir: node.runDir,
          budget: () => node.budget(),
          tryCamera: (setup) => node.tryCamera(setup),
          documentWith: (id, settings) => desired.documentWith(id, settings, trusted),
        },
        ask,
      ),
    rebuildRecordings: () => node.recordings.rebuild(),
    resumable: node.resumable,
    newEventId: () => node.newEventId(),
    starting: () => startingModels(parts),
    models: () => statusOf(parts).models,
    reload: async () => {
      await node.refreshDoors();
      const done = await desired.reload();
      return { ...done, text: describeChange(done) };
    },
    putCamera: (id, settings, asker) => desired.putCamera(id, settings, asker),
    patchCamera: (id, patch, asker) => desired.patchCamera(id, patch, asker),
    removeCamera: (id, asker) => desired.removeCamera(id, asker),
    get config() {
      return { ...desired.current, document: desired.redacted, beside_file: desired.besideFile };
    },
    get revisions() {
      return desired.history;
    },
    previewConfig: (text, file, { trusted }) =>
      file === undefined ? desired.preview(text, trusted) : desired.previewFile(text, file, trusted),
    putConfig: (text, asker) => desired.put(text, asker),
    rollBack: (revision, asker) => desired.rollBack(revision, asker),
    audit: (entry, camera) => node.audit(entry, camera),
  };
}

function startingModels(parts: NodeParts): string[] {
  return Object.entries(statusOf(parts).models)
    .filter(([, { state }]) => state === 'starting')
    .map(([id]) => `model ${id}`);
}
