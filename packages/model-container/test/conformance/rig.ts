import { join } from 'node:path';
import type { InferResponse } from '@vigia/contracts';
import { expect } from 'vitest';
import { Peer } from './peer.ts';
import { brightness, type Colour, FrameFiles, packed, type Reference } from './pictures.ts';
import type { ContainerSubject, RunningContainer } from './subject.ts';

/** Least duration of the slow container's model: far longer than reading one write takes. */
export const SLOW_MS = 150;
/** Any colour but grey, so that swapped or missing channels show. */
export const COLOUR: Colour = [200, 120, 40];

/**
 * State shared by the tests of one subject: two containers, files, and connections that are checked when a test ends.
 */
export class Rig {
  readonly subject: ContainerSubject;
  #containers: RunningContainer[] = [];
  #peers: Peer[] = [];
  #started = 0;
  #files: FrameFiles | undefined;
  #quick: RunningContainer | undefined;
  #slow: RunningContainer | undefined;

  constructor(subject: ContainerSubject) {
    this.subject = subject;
  }

  /** Starts both containers. */
  async open(): Promise<void> {
    // Not in the constructor: a skipped suite is constructed and never closed.
    this.#files = new FrameFiles();
    [this.#quick, this.#slow] = await Promise.all([this.start(0), this.start(SLOW_MS)]);
  }

  get files(): FrameFiles {
    if (!this.#files) throw new Error('not open');
    return this.#files;
  }

  /** Starts another one. */
  async start(delayMs: number, failsOnBlack = false): Promise<RunningContainer> {
    this.#started += 1;
    const container = await this.subject.start({
      socketPath: join(this.files.sockets, `${this.#started}.sock`),
      delayMs,
      failsOnBlack,
      allowDirs: [this.files.allowed],
    });
    this.#containers.push(container);
    return container;
  }

  /** A container whose model takes no time. */
  get quick(): RunningContainer {
    if (!this.#quick) throw new Error('not open');
    return this.#quick;
  }

  /** A container whose model takes at least {@link SLOW_MS}. */
  get slow(): RunningContainer {
    if (!this.#slow) throw new Error('not open');
    return this.#slow;
  }

  get modelId(): string {
    return this.quick.modelId;
  }

  /** Connects; closed after the test. */
  async connect(container: RunningContainer = this.quick): Promise<Peer> {
    const peer = await Peer.open(container.socketPath);
    this.#peers.push(peer);
    return peer;
  }

  /** After a test: no connection may have an unread answer. */
  async leave(): Promise<void> {
    const peers = this.#peers;
    this.#peers = [];
    try {
      for (const peer of peers) await peer.leave();
    } finally {
      await Promise.all(peers.map((peer) => peer.drop()));
    }
  }

  /** After all tests. */
  async close(): Promise<void> {
    try {
      await Promise.all(this.#containers.map((container) => container.stop()));
    } finally {
      this.#files?.remove();
    }
  }

  /** An `infer` of a small picture in one colour in a plain file; `more` overrides fields. */
  infer(more: object = {}, reference: Reference = this.plain()): object {
    return { model_id: this.modelId, camera_id: 'hall', timestamp: 1_767_225_600.123, ...reference, ...more };
  }

  /** A small picture in one colour in a plain file. */
  plain(frameId = 42): Reference {
    return this.files.plain(packed('RGB24', 8, 8, COLOUR), frameId);
  }

  /** A `want`. */
  want(id: string, camera = 'hall', consumer = 'people'): object {
    return { op: 'want', request_id: id, model_id: this.modelId, camera_id: camera, consumer };
  }

  /** An `unwant`. */
  unwant(id: string | undefined, camera = 'hall', consumer = 'people'): object {
    return { ...this.want(id ?? '', camera, consumer), op: 'unwant', request_id: id };
  }

  /** Expects the bright model's answer to a picture. */
  seen(answer: InferResponse, colour: Colour = COLOUR, tolerance = 0.000_06): void {
    expect(answer.error).toBeNull();
    if (!this.subject.can.bright) return;
    expect(answer.detections).toMatchObject([{ class_id: 0, class_name: 'bright', bbox: [0, 0, 1, 1] }]);
    const confidence = answer.detections?.[0]?.confidence ?? Number.NaN;
    expect(Math.abs(confidence - brightness(colour)), `${confidence}, ${brightness(colour)}`).toBeLessThanOrEqual(
      tolerance,
    );
  }
}
