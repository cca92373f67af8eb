import { freeSharedBytes, SHM_DIR, VigiaError } from '@vigia/base';
import { packedBytes } from '@vigia/contracts';
import { allConsumers, CAMERA_UNITS_MEMORY, type CameraSetup, usesThread } from '#core/camera-link';
import { INGEST_MEMORY, type IngestSetup } from '#core/ingest-link';
import { LIVE_MEMORY } from '#core/live-link';
import { referencePictures, type RenditionSpec } from '#core/media';
import { anonymousBytesByShare, processesOfGroups, readAvailableMemory } from '#core/memory';
import { readProcessUsage } from '#core/process-stats';
import { counted, fit, formatBytes } from '#core/terminal';
import { type Plan, type PlannedModel, probeBytes, workerLimits } from './plan.ts';

const MIB = 1024 * 1024;

// Measured on 2 cores x86-64, Node 20.20, 2026-11, with 1 and 8 cameras: anonymous memory of each process after 15 s
// (/proc/<pid>/smaps_rollup), plus room for the growth of the JavaScript heap.
/** Without pictures and access units. Measured: 22 to 29 MiB. */
const CAMERA_PROCESS = 40 * MIB;
/**
 * Measured: 40 to 61 MiB with nobody asking; 135 MiB while strangers, a broker and a client of its socket attack it (`soak --
 * hostile`), because garbage waits for its collection.
 */
const SUPERVISOR_PROCESS = 176 * MIB;
/** The supervisor's side of a camera: channel, pipes, last snapshot. Measured: less than 0.2 MiB. */
const SUPERVISOR_PER_CAMERA = 0.5 * MIB;
/** Ages (`AgeHistogram`) and a view's data about a consumer. */
const SUPERVISOR_PER_CONSUMER = 0.2 * MIB;
/** Alarms that wait for subscribers: `QUEUE_LIMITS.alarmCharacters` of two bytes. Subscribers share them. */
const WAITING_ALARMS = 16 * MIB;
/** Results of a recorded camera that wait to be kept, and those before an event: 768 Ki characters, of two bytes at most. */
const WAITING_RESULTS = 1.5 * MIB;
/** Node, ONNX Runtime and the protocol server. Measured with SSDLite, including 17.3 MiB of weights: 102 to 149 MiB. */
const CONTAINER_PROCESS = 96 * MIB;
/**
 * The weights as read, the weights as the runtime packs them for its kernels, and the arena of intermediate results.
 */
const WEIGHT_FACTOR = 4;
/** How far a process may exceed its plan: batches, threads and heaps differ. */
const MEMORY_SLACK = 1.5;
/** What a camera process may exceed its plan by at least: a JavaScript heap grows in steps. */
const LEAST_SLACK = 64 * MIB;
/**
 * The same of the supervisor. Requests with large bodies, one after the other, were seen to make its heap grow to 270 MiB
 * before garbage was collected.
 */
const SUPERVISOR_SLACK = 256 * MIB;
/** Code of Node, libav and ONNX Runtime, which all processes share. Measured: Σ of file-backed PSS 69 MiB. */
const SHARED_CODE = 72 * MIB;

/** Per stream: the access unit being assembled (`ACCESS_UNIT_LIMIT`), and its copy inside the decoder. */
const ACCESS_UNITS = 2 * 8 * MIB;
/** Per stream over UDP: the kernel's buffer (4 MiB), and datagrams held until a gap closes (`HELD_BYTES_LIMIT`). */
const DATAGRAMS = 5 * MIB;
/** One in the supplier's inbox, one candidate that waits for the end of the loop's turn, one being decoded. */
const PICTURES_OUTSIDE = 3;
/** The heap and stacks of a worker thread. Measured: 6 to 9 MiB for one that does little. */
const THREAD = 16 * MIB;
/** An ingest process. Measured with a camera of 768×576 at 10 pictures a second: 30 to 31 MiB, units included. */
const INGEST_PROCESS = 44 * MIB;
/** Each further camera in it. */
const INGEST_PER_CAMERA = 8 * MIB;
/** The footage process without pictures, and what clips and decoded pictures of recordings may take in it. */
const FOOTAGE_PROCESS = 64 * MIB;
const FOOTAGE_BUFFERS = 128 * MIB;
/** The api process: users, connections, what waits for them. Measured: see `soak -- hostile`. */
const API_PROCESS = 128 * MIB;
/** The anonymous memory above which the api process is started again, bytes. Large bodies make a heap grow before garbage is collected. */
export const API_MEMORY_LIMIT: number = API_PROCESS + 256 * MIB;
/**
 * The live process without units. Measured: 28 MiB of anonymous memory, 33 MiB with 64 sessions (`soak -- live`), 88 MiB with 60
 * movies instead.
 */
const LIVE_PROCESS = 96 * MIB;
/** The live process may use so much more: native code keeps packets for viewers who may have lost them. */
const LIVE_SLACK = 384 * MIB;
/** One pending in the mailbox, one in flight. */
const PICTURES_PER_CONSUMER = 2;

/** The most memory that one process may use, bytes. */
export interface BudgetItem {
  readonly kind: 'code' | 'supervisor' | 'api' | 'live' | 'camera' | 'ingest' | 'footage' | 'model' | 'worker';
  readonly id: string;
  /** Code and heap of the process itself. */
  readonly process: number;
  /** Decoded pictures. */
  readonly pictures: number;
  /** Access units and a snapshot; a model's weights; waiting alarms. */
  readonly buffers: number;
  /** In /dev/shm. */
  readonly shared: number;
}

/** The most memory that a plan may use. */
export interface Budget {
  readonly items: readonly BudgetItem[];
  /** The total, including shared memory. */
  readonly memoryBytes: number;
  readonly shmBytes: number;
}

/** The running process of a worker. */
export interface RunningWorker {
  readonly camera: string;
  readonly consumer: string;
  /** The leader of its process group. */
  readonly pid: number;
}

/** The memory that a plan may use, and the source of that figure. */
export interface Room {
  readonly memoryBytes: number;
  /** For error messages: `MemAvailable`, or the limit of a control group. */
  readonly memorySource: string;
  readonly shmBytes: number;
}

/**
 * Computes the memory of a plan before anything starts (AD5).
 *
 * @param leaving Models of a running node that stay until their successors have taken over.
 */
export function budgetOf(plan: Plan, leaving: readonly PlannedModel[] = []): Budget {
  const items: BudgetItem[] = [
    { ...NOTHING, kind: 'code', id: 'code, once', process: SHARED_CODE },
    supervisorItem(plan),
    ...(plan.http
      ? [{ ...NOTHING, kind: 'api' as const, id: 'api', process: API_PROCESS }, liveItem(plan.cameras)]
      : []),
    ...plan.cameras.map((camera) => cameraItem(camera, plan.segments)),
    ...recordingItems(plan.recording),
    ...[...plan.models, ...leaving].map(modelItem),
    // The memory of workers without a limit is unknown.
    ...[...workerLimits(plan)].map(([id, bytes]) => workerItem(id, bytes)),
  ];
  const memoryBytes = items.reduce((sum, i) => sum + i.process + i.pictures + i.buffers + i.shared, 0);
  return { items, memoryBytes, shmBytes: plan.shmBytes };
}

function supervisorItem({ cameras, recording }: Plan): BudgetItem {
  const consumers = cameras.reduce((sum, c) => sum + c.consumers.length, 0);
  const process = SUPERVISOR_PROCESS + cameras.length * SUPERVISOR_PER_CAMERA + consumers * SUPERVISOR_PER_CONSUMER;
  const buffers = WAITING_ALARMS + recording.ingests.length * WAITING_RESULTS;
  return { ...NOTHING, kind: 'supervisor', id: 'supervisor', process, buffers };
}

/** The processes of recorded cameras' connections, and the one that keeps what they write. */
function recordingItems({ ingests, camerasPerProcess }: Plan['recording']): BudgetItem[] {
  if (ingests.length === 0) return [];
  const footage = {
    ...NOTHING,
    kind: 'footage' as const,
    id: 'footage',
    process: FOOTAGE_PROCESS,
    buffers: FOOTAGE_BUFFERS,
  };
  const processes = Array.from({ length: Math.ceil(ingests.length / camerasPerProcess) }, (_, i) =>
    ingestItem(String(i + 1), ingests.slice(i * camerasPerProcess, (i + 1) * camerasPerProcess)),
  );
  return [...processes, footage];
}

/** It has units of the streams that somebody looks at: of all, at most. */
function liveItem(cameras: readonly Pick<CameraSetup, 'detectSource'>[]): BudgetItem {
  const streams = cameras.reduce((sum, { detectSource }) => sum + (detectSource === undefined ? 1 : 2), 0);
  return { ...NOTHING, kind: 'live', id: 'live', process: LIVE_PROCESS, buffers: streams * LIVE_MEMORY.recent };
}

/** The anonymous memory above which the live process is started again, bytes. */
export function liveMemoryLimit(cameras: readonly Pick<CameraSetup, 'detectSource'>[]): number {
  const { process, buffers } = liveItem(cameras);
  return process + buffers + LIVE_SLACK;
}

function ingestItem(id: string, setups: readonly IngestSetup[]): BudgetItem {
  const { recent, reader, recorder } = INGEST_MEMORY;
  const buffers = setups.reduce((bytes, { source, ringBytes }) => {
    // A unit is held once for all taps; what waits for the disk is also in the muxer's fragment.
    const units = recent + reader + recorder + ringBytes + ACCESS_UNITS;
    return bytes + units + (source.transport === 'udp' ? DATAGRAMS : 0);
  }, 0);
  const process = INGEST_PROCESS + (setups.length - 1) * INGEST_PER_CAMERA;
  return { ...NOTHING, kind: 'ingest', id, process, buffers };
}

/** The anonymous memory above which an ingest process with these cameras is started again, bytes. */
export function ingestMemoryLimit(setups: readonly IngestSetup[]): number {
  const { process, buffers } = ingestItem('', setups);
  return Math.max(MEMORY_SLACK * (process + buffers), process + buffers + LEAST_SLACK);
}

function workerItem(id: string, process: number): BudgetItem {
  return { ...NOTHING, kind: 'worker', id, process };
}

/** The frame buffers of a worker thread: one being read, one being written, two spare. */
function threadBytes({ format, width, height }: RenditionSpec): number {
  return 4 * packedBytes(format, width, height);
}

const NOTHING = { process: 0, pictures: 0, buffers: 0, shared: 0 };

function cameraItem(camera: CameraSetup, segments: Plan['segments']): BudgetItem {
  const { width, height } = camera.decode.maxPicture;
  const { source, detectSource, relay } = camera;
  const consumers = allConsumers(camera);
  const streams = detectSource === undefined ? [source] : [source, detectSource];
  // Another process passes the units of a recorded stream on.
  const passed = streams.length - (relay === undefined ? 0 : 1);
  const passedOn = passed * (CAMERA_UNITS_MEMORY.recent + CAMERA_UNITS_MEMORY.reader);
  // Both streams are decoded: the large one for snapshots.
  const decoding = streams.length * (referencePictures(width, height) + PICTURES_OUTSIDE);
  return {
    kind: 'camera',
    id: camera.camera,
    process: CAMERA_PROCESS,
    pictures: (decoding + PICTURES_PER_CONSUMER * consumers.length) * pictureBytes(width, height),
    // A snapshot is a copy in RGB.
    buffers:
      streams.reduce((sum, s) => sum + ACCESS_UNITS + (s.transport === 'udp' ? DATAGRAMS : 0), 0) +
      width * height * 3 +
      passedOn +
      consumers.reduce((sum, c) => sum + (usesThread(c) ? THREAD + threadBytes(c.input) : 0), 0),
    shared: segments.reduce((sum, s) => sum + (s.camera === camera.camera ? s.bytes : 0), 0),
  };
}

function modelItem(model: PlannedModel): BudgetItem {
  const { id, container } = model;
  const item = { ...NOTHING, kind: 'model' as const, id, shared: probeBytes(model) };
  // An external container's memory is not part of this plan.
  if (!container) return item;
  const { manifest, weightsBytes } = container;
  const measured = manifest.memory_mib === undefined ? undefined : manifest.memory_mib * MIB - CONTAINER_PROCESS;
  return {
    ...item,
    process: CONTAINER_PROCESS,
    buffers: Math.max(WEIGHT_FACTOR * weightsBytes, measured ?? 0),
  };
}

/**
 * The most anonymous memory that a model's container may use before vigia restarts it, bytes. There is no limit for a
 * container that does not run on the CPU, unless the configuration sets one.
 */
export function memoryLimitOf(model: PlannedModel): number {
  const { process, buffers } = modelItem(model);
  const configured = model.container?.memoryMib;
  if (configured !== undefined) return configured * MIB;
  return model.container?.provider === 'cpu' ? MEMORY_SLACK * (process + buffers) : Number.POSITIVE_INFINITY;
}

/**
 * The most anonymous memory that a camera process may use before vigia restarts it, bytes. There is no limit with a worker
 * thread, nor with video hardware: what these allocate is not known.
 */
export function cameraMemoryLimit(camera: CameraSetup): number {
  if (allConsumers(camera).some(usesThread) || camera.decode.hardware !== 'none') return Number.POSITIVE_INFINITY;
  const planned = cameraMemory(camera);
  return Math.max(MEMORY_SLACK * planned, planned + LEAST_SLACK);
}

/** The most that a camera's process is planned to use, shared memory aside. Bytes. */
export function cameraMemory(camera: CameraSetup): number {
  const { process, pictures, buffers } = cameraItem(camera, []);
  return process + pictures + buffers;
}

/** The anonymous memory above which the supervisor is a problem of its node, bytes. */
export function supervisorMemoryLimit(plan: Plan): number {
  const { process, buffers } = supervisorItem(plan);
  return process + buffers + SUPERVISOR_SLACK;
}

/** Bytes of a decoded picture: 8 bit, 4:2:0, with libav's padding. */
export function pictureBytes(width: number, height: number): number {
  const padded = (side: number): number => (Math.ceil(side / 64) + 1) * 64;
  return padded(width) * padded(height) * 1.5;
}

/**
 * The memory that a plan may use: what the machine has available, plus what the node's processes hold already.
 *
 * @param pids Processes of this node. Those that are gone hold nothing.
 * @param heldShmBytes Memory that this node holds in /dev/shm.
 * @param workerBytes See {@link heldByWorkers}.
 */
export function roomFor(pids: readonly number[], heldShmBytes = 0, workerBytes = 0): Room {
  const { bytes, source } = readAvailableMemory();
  const held = pids.reduce(
    (sum, pid) => sum + (readProcessUsage(pid)?.anonymousBytes ?? 0),
    heldShmBytes + workerBytes,
  );
  return { memoryBytes: bytes + held, memorySource: source, shmBytes: freeSharedBytes() + heldShmBytes };
}

/**
 * Memory, in bytes, of the running workers that the plan counts too, or that end before the plan is applied. The plan
 * may use it.
 *
 * @param ending Cameras that are removed or changed.
 */
export function heldByWorkers(plan: Plan, ending: ReadonlySet<string>, running: readonly RunningWorker[]): number {
  const planned = workerLimits(plan);
  const theirs = running.filter((w) => ending.has(w.camera) || planned.has(`${w.camera}/${w.consumer}`));
  const groups = theirs.length > 0 ? processesOfGroups(new Set(theirs.map(({ pid }) => pid))) : undefined;
  return [...(groups?.values() ?? [])].reduce((sum, pids) => sum + anonymousBytesByShare(pids), 0);
}

/**
 * @throws VigiaError `shm_full` or `memory_full`, with the memory needed, the memory available, the largest item and a
 *   remedy.
 */
export function admit(plan: Plan, budget: Budget, room: Room): void {
  const cameras = counted(plan.cameras.length, 'camera');
  if (budget.shmBytes > room.shmBytes) {
    throw new VigiaError(
      'shm_full',
      `${SHM_DIR}: ${cameras}, ${formatBytes(budget.shmBytes)} of shared memory needed, ${formatBytes(room.shmBytes)} are free; enlarge it (mount -o remount,size=…) or remove cameras`,
      { path: SHM_DIR },
    );
  }
  if (budget.memoryBytes > room.memoryBytes) {
    const models = counted(plan.models.length, 'model');
    const workers = budget.items.filter((item) => item.kind === 'worker').length;
    const who =
      workers > 0
        ? `${cameras}, ${models} and ${counted(workers, 'worker')} with \`memory_mib\``
        : `${cameras} and ${models}`;
    throw new VigiaError(
      'memory_full',
      `memory: ${who} need up to ${formatBytes(budget.memoryBytes)}, ${formatBytes(room.memoryBytes)} are available (${room.memorySource}); ${largestOf(plan, budget)}`,
    );
  }
}

/** The largest kind of use, and how to reduce it. */
function largestOf(plan: Plan, { items }: Budget): string {
  const sum = (part: (item: BudgetItem) => number, kind: BudgetItem['kind']): number =>
    items.filter((item) => item.kind === kind).reduce((total, item) => total + part(item), 0);
  const widest = plan.cameras.reduce<CameraSetup | undefined>((a, b) => (a && area(a) >= area(b) ? a : b), undefined);
  const { width = 0, height = 0 } = widest?.decode.maxPicture ?? {};
  const kinds: (readonly [bytes: number, text: string, remedy: string])[] = [
    [
      sum((i) => i.pictures, 'camera'),
      'the decoded pictures of the cameras',
      `set a smaller \`max_picture\` (camera ${widest?.camera} has ${width}×${height}), or have fewer cameras or consumers`,
    ],
    [sum((i) => i.process, 'camera'), 'the processes of the cameras', 'have fewer cameras on this machine'],
    [
      sum((i) => i.buffers, 'camera'),
      'the buffers of the cameras',
      `have fewer cameras, or a smaller \`max_picture\` (camera ${widest?.camera} has ${width}×${height})`,
    ],
    [sum((i) => i.shared, 'camera'), 'the shared memory of the cameras', 'have fewer cameras or consumers'],
    [sum((i) => i.process + i.buffers, 'model'), 'the models', 'have fewer models'],
    [sum((i) => i.process, 'worker'), 'the workers', 'give them a smaller `memory_mib`, or have fewer'],
  ];
  const [bytes, text, remedy] = kinds.reduce((a, b) => (a[0] >= b[0] ? a : b));
  return `the largest item is ${text}, ${formatBytes(bytes)}: ${remedy}`;
}

function area(camera: CameraSetup): number {
  return camera.decode.maxPicture.width * camera.decode.maxPicture.height;
}

const NAME = 28;
const NUMBER = 12;

/** The budget as a table, for `vigia check`. */
export function describeBudget(budget: Budget, room: Room): string[] {
  const row = (name: string, cells: readonly string[]): string =>
    `  ${fit(name, NAME)}${cells.map((cell) => fit(cell, NUMBER, 'right')).join('')}`;
  const bytes = (n: number): string => (n === 0 ? '–' : formatBytes(n));
  const lines = [row('memory, at most', ['process', 'pictures', 'buffers', 'shared', 'sum'])];
  for (const item of budget.items) {
    const parts = [item.process, item.pictures, item.buffers, item.shared];
    const name = item.kind === item.id || item.kind === 'code' ? item.id : `${item.kind} ${item.id}`;
    lines.push(row(name, [...parts, parts.reduce((a, b) => a + b)].map(bytes)));
  }
  return [...lines, ...sums(budget, room)];
}

/** Both sums with the available memory, for `vigia check` and the log of `vigia run`. */
export function sums(budget: Budget, room: Room): string[] {
  return [
    `memory: at most ${formatBytes(budget.memoryBytes)} of ${formatBytes(room.memoryBytes)} available (${room.memorySource})`,
    `shared memory: ${formatBytes(budget.shmBytes)} of ${formatBytes(room.shmBytes)} free in ${SHM_DIR}`,
  ];
}
