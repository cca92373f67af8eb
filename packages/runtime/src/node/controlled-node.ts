import { userInfo } from 'node:os';
import type { ControlledNode } from '#services/control-plane';
import { type NodeParts, reportOf } from './node-report.ts';
import type { Supervisor } from './supervisor.ts';

/** What the control socket may do with a node. Only this user reaches the socket, so every change is theirs. */
export function controlledNode(supervisor: Supervisor, parts: NodeParts): ControlledNode {
  const { desired } = supervisor;
  const by = `control socket (user ${userInfo().username})`;
  return {
    report: () => reportOf(parts),
    health: () => supervisor.health(),
    get cameraIds() {
      return [...parts.children.cameras.keys()];
    },
    camera: (id) => supervisor.camera(id),
    restartCamera: (id) => supervisor.restartCamera(id),
    restartWorker: (id, consumer) => supervisor.restartWorker(id, consumer),
    reload: () => desired.reload(),
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
