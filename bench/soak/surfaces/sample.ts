import { execFile } from 'node:child_process';
import { systemClock } from '@vigia/base';
import { cameraStateMessageSchema, type NodeStatus, type Report, topics } from '@vigia/contracts';
import { VIGIA } from '../../support/paths.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';
import type { StateBroker } from './state-broker.ts';

/** What a command printed. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What all surfaces said between two moments, monotonic milliseconds. */
export interface Sample {
  readonly fromMs: number;
  readonly toMs: number;
  readonly status: NodeStatus;
  readonly report: Report;
  /** The retained state: `waiting(refused)`; empty: nothing. */
  readonly mqtt: string;
  readonly screen: Printed;
  readonly health: Printed;
}

/** Asks everything at once. */
export async function sample(node: VigiaNode, broker: StateBroker, camera: string): Promise<Sample> {
  const fromMs = systemClock.nowMs();
  const [status, report, screen, health] = await Promise.all([
    node.status(),
    node.report(),
    command(node, 'status'),
    command(node, 'health'),
  ]);
  const state = cameraStateMessageSchema.safeParse(await broker.retained(topics.cameraState(status.node, camera)));
  const mqtt = state.success ? stateText(state.data) : '';
  return { fromMs, toMs: systemClock.nowMs(), status, report, mqtt, screen, health };
}

/** `live`, `waiting(refused)`. */
export function stateText({ state, reason }: { readonly state: string; readonly reason: string | null }): string {
  return reason === null ? state : `${state}(${reason})`;
}

/** A command of vigia, asked about this node. */
export function command(node: VigiaNode, name: string): Promise<Printed> {
  const env = { ...process.env, VIGIA_RUN_DIR: node.runDir, COLUMNS: '132' };
  return new Promise((resolve) => {
    execFile(process.execPath, [VIGIA, name], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}
