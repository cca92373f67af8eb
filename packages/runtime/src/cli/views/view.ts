import type { NodeItem, NodeStatus } from '@vigia/contracts';

/** One way of showing a running node. */
export interface View {
  /** Takes an item of the node's stream. With a promise, the next one comes when it resolves. */
  onItem(item: NodeItem): void | Promise<void>;
  onLog(line: string): void;
  /** Draws; called a few times a second. */
  draw(status: NodeStatus): void;
  /** Leaves the terminal as it was. Idempotent. */
  close(): void;
}
