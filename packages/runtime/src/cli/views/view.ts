import type { NodeItem, NodeStatus } from '@vigia/contracts';

/** One way to display a running node. */
export interface View {
  /** Takes an item of the node's stream. The next one waits for the returned promise. */
  onItem(item: NodeItem): void | Promise<void>;
  onLog(line: string): void;
  /** Draws. Called twice a second. */
  draw(status: NodeStatus): void;
  /** Restores the terminal. Idempotent. */
  close(): void;
}
