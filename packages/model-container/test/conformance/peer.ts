import { once } from 'node:events';
import {
  type ContainerErrorCode,
  containerErrorSchema,
  type DescribeResponse,
  describeResponseSchema,
  type GrantResponse,
  grantResponseSchema,
  type HealthResponse,
  healthResponseSchema,
  type InferResponse,
  inferResponseSchema,
} from '@vigia/contracts';
import { expect } from 'vitest';
import { type Answer, TestClient } from '../support/test-client.ts';

/** A client of a container under test: checks every answer against the schemas. */
export class Peer {
  readonly #client: TestClient;
  #sentEnd = false;

  private constructor(client: TestClient) {
    this.#client = client;
  }

  /** Connects. */
  static async open(socketPath: string): Promise<Peer> {
    return new Peer(await TestClient.open(socketPath));
  }

  /** Sends messages in one write. */
  send(...messages: readonly object[]): void {
    this.#client.send(...messages);
  }

  /** Sends raw bytes; resolves when the kernel has them. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => void this.#client.socket.write(bytes, () => resolve()));
  }

  /** Shuts down sending, and keeps reading. */
  end(): void {
    this.#sentEnd = true;
    this.#client.socket.end();
  }

  /** The next answer, checked. Rejects when the connection closes first. */
  async next(): Promise<Answer> {
    const answer = await this.#client.next();
    check(answer);
    return answer;
  }

  /** Answers to these requests by their ids, in any order; any other answer meanwhile is an error. */
  async answersTo(...ids: readonly string[]): Promise<Record<string, Answer>> {
    const found: Record<string, Answer> = {};
    while (Object.keys(found).length < ids.length) {
      const answer = await this.next();
      const id = String(answer['request_id']);
      expect(ids, 'an unexpected answer').toContain(id);
      expect(found, 'answered twice').not.toHaveProperty([id]);
      found[id] = answer;
    }
    return found;
  }

  /** Sends one `infer` and reads its answer. */
  async infer(message: object): Promise<InferResponse> {
    this.send(message);
    return inferResponseSchema.parse(await this.next());
  }

  /** Sends one `want` and reads its answer. */
  async want(message: object): Promise<GrantResponse> {
    this.send(message);
    return grantResponseSchema.parse(await this.next());
  }

  /** Requests `health`. */
  async health(): Promise<HealthResponse> {
    this.send({ op: 'health', request_id: 'how' });
    return healthResponseSchema.parse(await this.next());
  }

  /** Requests `describe`. */
  async describe(): Promise<DescribeResponse> {
    this.send({ op: 'describe', request_id: 'what' });
    return describeResponseSchema.parse(await this.next());
  }

  /** Expects a usable connection without unread answers: the next message answers this request. */
  async quiet(): Promise<void> {
    const health = await this.health();
    expect(health.request_id).toBe('how');
  }

  /** Resolves when the other side has closed; answers before that are an error. */
  async closedByContainer(): Promise<void> {
    const left = await this.#client.next().catch(() => undefined);
    expect(left, 'an answer where the connection should have ended').toBeUndefined();
    await this.#client.closed();
  }

  /** Closes, after checking that no answer is left. */
  async leave(): Promise<void> {
    const { socket } = this.#client;
    if (!this.#sentEnd && !socket.destroyed && socket.readable) await this.quiet();
    await this.drop();
  }

  /** Closes at once. Resolves when it is closed on this side. */
  async drop(): Promise<void> {
    const { socket } = this.#client;
    if (socket.closed) return;
    const closed = once(socket, 'close');
    this.#client.close();
    await closed;
  }
}

/** Any answer: its members show its kind. Detections are present exactly when there is no error. */
function check(answer: Answer): void {
  expect(answer, 'an answer without `error`').toHaveProperty('error');
  if (answer['error'] !== null) containerErrorSchema.parse(answer['error']);
  if ('grant' in answer) {
    const { grant, error } = grantResponseSchema.parse(answer);
    if (error !== null) expect(grant, 'a grant with an error').toBeNull();
  } else if ('protocol' in answer) describeResponseSchema.parse(answer);
  else if ('state' in answer) healthResponseSchema.parse(answer);
  else {
    const { detections, error, metadata } = inferResponseSchema.parse(answer);
    expect(detections === null, 'detections are null exactly when there is an error').toBe(error !== null);
    if (error !== null) expect(metadata, 'metadata with an error').toBeUndefined();
  }
}

/** The error code of an answer, undefined when there is none. */
export function codeOfAnswer(
  answer: Answer | InferResponse | GrantResponse | undefined,
): ContainerErrorCode | undefined {
  const error = answer?.error as { code: ContainerErrorCode } | null | undefined;
  return error?.code;
}
