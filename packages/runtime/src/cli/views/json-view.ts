import { printableJson } from '@vigia/base';
import {
  cameraStateMessageOf,
  eventMessageOf,
  type NodeEvent,
  type NodeItem,
  type NodeStatus,
  workerStateMessageOf,
} from '@vigia/contracts';
import type { View } from './view.ts';

/** A stream that another program reads. */
export interface JsonStream {
  readonly writableLength: number;
  write(text: string): unknown;
  /** Calls `fn` when all output so far has been written. */
  once(event: 'drain', fn: () => void): unknown;
}

/** The most bytes that may wait for a slow reader. Beyond that, the view stops reading the node's stream. */
const BACKLOG_LIMIT = 1024 * 1024;
const STATS_EVERY_MS = 5_000;

/** Writes one JSON object per line to stdout: every result and state, and the counters every five seconds. */
export class JsonView implements View {
  readonly #stream: JsonStream;
  readonly #dropped: () => number;
  #nextMs = 0;

  /** @param dropped How many items the node's stream has dropped because this view was slow. */
  constructor(stream: JsonStream, dropped: () => number) {
    this.#stream = stream;
    this.#dropped = dropped;
  }

  onItem(item: NodeItem): void | Promise<void> {
    const line =
      item.type === 'event' ? lineOf(item.event) : item.type === 'result' && { type: 'result', ...item.result };
    if (!line) return undefined;
    this.#line(line);
    if (this.#stream.writableLength <= BACKLOG_LIMIT) return undefined;
    return new Promise((resolve) => this.#stream.once('drain', resolve));
  }

  onLog(): void {
    // Log lines go to stderr.
  }

  draw(status: NodeStatus): void {
    if (status.up_ms < this.#nextMs || this.#stream.writableLength > BACKLOG_LIMIT) return;
    this.#nextMs = status.up_ms + STATS_EVERY_MS;
    const cameras = Object.fromEntries(Object.entries(status.cameras).map(([id, { report }]) => [id, report]));
    this.#line({
      type: 'stats',
      node: status.node,
      up_ms: Math.round(status.up_ms),
      cameras,
      models: status.models,
      events_dropped: this.#dropped(),
    });
  }

  close(): void {
    // Nothing to restore.
  }

  #line(value: object): void {
    // Data of a worker may hold what a terminal acts on.
    this.#stream.write(`${printableJson(value)}\n`);
  }
}

/**
 * An event on one line: `type` and the keys of version 1, with the keys of the envelope beside them. Later kinds of
 * events are written unchanged, with `type: node_event`.
 */
function lineOf(event: NodeEvent): object {
  const { v, id, node, boot, kind, phase, severity, subject } = event;
  const envelope = { v, id, node, boot, kind, phase, severity, subject };
  switch (event.kind) {
    case 'camera_state':
      return { type: 'camera_state', ...cameraStateMessageOf(event), ...envelope };
    case 'worker_state':
      return { type: 'worker_state', ...workerStateMessageOf(event), ...envelope };
    case 'model_state':
      return { type: 'model_state', ...event.data, at: event.at, ...envelope };
    case 'worker':
    case 'sla':
    case 'shedding':
      return { ...eventMessageOf(event), type: 'event', event: event.data.type, ...envelope };
    default:
      return { type: 'node_event', ...event };
  }
}
