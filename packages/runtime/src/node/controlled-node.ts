import type { ControlledNode } from '#services/control-plane';
import type { DesiredState } from '#node/desired';
import { describeChange } from '#node/plan';
import { type NodeParts, reportOf, statusOf } from './node-report.ts';

/** The node's own operations behind the control socket. */
export interface NodeActions
  extends Pick<
    ControlledNode,
    'health' | 'metrics' | 'camera' | 'restartCamera' | 'restartWorker' | 'events' | 'follow' | 'newEventId'
  > {
  readonly desired: DesiredState;
}

/** The operations of the control plane. */
export function controlledNode(node: NodeActions, parts: NodeParts): ControlledNode {
  const { desired } = node;
  return {
    report: () => reportOf(parts),
    health: () => node.health(),
    metrics: () => node.metrics(),
    get cameraIds() {
      return [...parts.children.cameras.keys()];
    },
    camera: (id) => node.camera(id),
    restartCamera: (id) => node.restartCamera(id),
    restartWorker: (id, consumer) => node.restartWorker(id, consumer),
    events: (query) => node.events(query),
    follow: (options, handle) => node.follow(options, handle),
    newEventId: () => node.newEventId(),
    starting: () => startingModels(parts),
    models: () => Object.fromEntries(statusOf(parts).models),
    reload: async () => {
      const done = await desired.reload();
      return { ...done, text: describeChange(done) };
    },
    putCamera: (id, settings, { by, expected }) => desired.putCamera(id, settings, by, expected),
    removeCamera: (id, { by, expected }) => desired.removeCamera(id, by, expected),
    get config() {
      return { ...desired.current, document: desired.redacted };
    },
    get revisions() {
      return desired.history;
    },
    previewConfig: (text, file) => (file === undefined ? desired.preview(text) : desired.previewFile(text, file)),
    putConfig: (text, { by, expected }) => desired.put(text, by, expected),
  };
}

function startingModels(parts: NodeParts): string[] {
  return [...statusOf(parts).models].filter(([, { state }]) => state === 'starting').map(([id]) => `model ${id}`);
}
