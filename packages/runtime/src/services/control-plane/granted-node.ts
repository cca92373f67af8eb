import type { EventQuery, NodeItem, Report } from '@vigia/contracts';
import type { ControlledNode } from './controlled-node.ts';

/**
 * The node as seen by a user with access to some cameras: the others do not exist, and neither do events that concern the
 * node as a whole.
 *
 * @param cameras The cameras that they may see. Some may not exist.
 */
export function grantedNode(node: ControlledNode, cameras: readonly string[]): ControlledNode {
  const granted = new Set(cameras);
  const ofGranted = (query: EventQuery): EventQuery => (query.camera === undefined ? { ...query, cameras } : query);
  const isGranted = (id: string | null): boolean => id !== null && granted.has(id);
  return {
    ...wholeNode(node),
    camera: (id) => (granted.has(id) ? node.camera(id) : undefined),
    get cameraIds() {
      return node.cameraIds.filter(isGranted);
    },
    report: async () => grantedReport(await node.report(), granted),
    status: () => {
      const status = node.status();
      return {
        ...status,
        problems: status.problems.filter(({ camera }) => granted.has(camera)),
        alarms: status.alarms.filter(({ camera }) => granted.has(camera)),
        cameras: only(status.cameras, granted),
      };
    },
    lastMinute: () => node.lastMinute().filter(({ camera }) => granted.has(camera)),
    // A model that is not ready is why their consumers do not answer, and is not listed once more for each of them.
    problems: () => node.problems().filter(({ camera, model }) => model !== null || isGranted(camera)),
    events: async (query) => {
      const found = await node.events(ofGranted(query));
      return found.filter((event) => isGranted(event.camera));
    },
    countEvents: async (query) =>
      query.camera === undefined || granted.has(query.camera) ? node.countEvents(ofGranted(query)) : 0,
    recordings: async (ask) => {
      if (ask.camera !== null && !granted.has(ask.camera)) return { cameras: {} };
      return { cameras: only((await node.recordings(ask)).cameras, granted) };
    },
  };
}

/** The operations that do not depend on a camera. Written out: a new one must be thought about. */
function wholeNode(
  node: ControlledNode,
): Omit<
  ControlledNode,
  'camera' | 'cameraIds' | 'report' | 'status' | 'lastMinute' | 'problems' | 'events' | 'countEvents' | 'recordings'
> {
  return {
    logs: (query) => node.logs(query),
    metrics: () => node.metrics(),
    health: () => node.health(),
    budget: () => node.budget(),
    starting: () => node.starting(),
    reload: () => node.reload(),
    putCamera: (id, settings, asker) => node.putCamera(id, settings, asker),
    patchCamera: (id, patch, asker) => node.patchCamera(id, patch, asker),
    removeCamera: (id, asker) => node.removeCamera(id, asker),
    restartCamera: (id) => node.restartCamera(id),
    restartWorker: (id, consumer) => node.restartWorker(id, consumer),
    breakDemo: (wish) => node.breakDemo(wish),
    get playback() {
      return node.playback;
    },
    previewTask: (ask) => node.previewTask(ask),
    probeCamera: (ask, asker) => node.probeCamera(ask, asker),
    markRecording: (camera, fromMs, toMs) => node.markRecording(camera, fromMs, toMs),
    rebuildRecordings: () => node.rebuildRecordings(),
    acknowledge: (event, by, found) => node.acknowledge(event, by, found),
    resumable: node.resumable,
    newEventId: () => node.newEventId(),
    models: () => node.models(),
    get config() {
      return node.config;
    },
    get revisions() {
      return node.revisions;
    },
    previewConfig: (text, file, asker) => node.previewConfig(text, file, asker),
    putConfig: (text, asker) => node.putConfig(text, asker),
    rollBack: (revision, asker) => node.rollBack(revision, asker),
    audit: (entry, camera) => node.audit(entry, camera),
  };
}

/** The camera that an item concerns; null: the node. */
export function cameraOf(item: NodeItem): string | null {
  if (item.type === 'result') return item.result.camera;
  return item.type === 'stats' ? item.stats.camera : item.event.camera;
}

function grantedReport(report: Report, granted: ReadonlySet<string>): Report {
  const { processes, ...system } = report.system;
  const seen = Object.entries(processes).filter(([name]) => {
    // `camera:hall`, `worker:hall/pose`; others are of the node.
    const camera = /^(?:camera|worker):([^/]+)/.exec(name)?.[1];
    return camera === undefined || granted.has(camera);
  });
  return {
    ...report,
    cameras: only(report.cameras, granted),
    system: { ...system, processes: Object.fromEntries(seen) },
  };
}

function only<T>(entries: Readonly<Record<string, T>>, granted: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([id]) => granted.has(id)));
}
