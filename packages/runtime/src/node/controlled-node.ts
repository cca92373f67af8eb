import { userInfo } from 'node:os';
import type { ControlledNode } from '#services/control-plane';
import type { DesiredState } from '#node/desired';
import { describeChange } from '#node/plan';
import { type NodeParts, reportOf, statusOf } from './node-report.ts';

/** The node's own operations behind the control socket. */
export interface NodeActions
  extends Pick<ControlledNode, 'health' | 'camera' | 'restartCamera' | 'restartWorker' | 'events' | 'logs'> {
  readonly desired: DesiredState;
  /** Ends the node. @param by Who wants it. */
  requestStop(by: string): void;
}

/**
 * The operations of the control socket. Only the user that runs the node can connect, so changes are recorded under
 * that name.
 */
export function controlledNode(node: NodeActions, parts: NodeParts): ControlledNode {
  const { desired } = node;
  const by = `control socket (user ${userInfo().username})`;
  return {
    report: () => reportOf(parts),
    status: () => statusOf(parts),
    logs: (query) => node.logs(query),
    stop: () => node.requestStop(by),
    health: () => node.health(),
    get cameraIds() {
      return [...parts.children.cameras.keys()];
    },
    camera: (id) => node.camera(id),
    restartCamera: (id) => node.restartCamera(id),
    restartWorker: (id, consumer) => node.restartWorker(id, consumer),
    events: (query) => node.events(query),
    reload: async () => {
      const done = await desired.reload();
      return { ...done, text: describeChange(done) };
    },
    putCamera: (id, settings) => desired.putCamera(id, settings, by),
    removeCamera: (id) => desired.removeCamera(id, by),
    get config() {
      return { ...desired.current, document: desired.redacted };
    },
    get revisions() {
      return desired.history;
    },
    previewConfig: (text, file) => (file === undefined ? desired.preview(text) : desired.previewFile(text, file)),
    putConfig: (text, expected) => desired.put(text, by, expected),
  };
}
