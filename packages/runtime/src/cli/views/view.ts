import type { NodeStatus, ViewEvent } from '@vigia/contracts';

/** One way of showing a running node. */
export interface View {
  onEvent(event: ViewEvent): void;
  onLog(line: string): void;
  /** Draws; called a few times a second. */
  draw(status: NodeStatus): void;
  /** Leaves the terminal as it was. Idempotent. */
  close(): void;
}
