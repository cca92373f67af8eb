import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeatReport } from '@vigia/frame-supplier';
import { ProcessAgent, type ProcessAgentOptions } from './agent-readers.ts';
import { newSupplier, rendition, type SubjectUnderTest, supplierPackage } from './subject.ts';

let opened = 0;

/** Readers in other processes, by language and kind of wake-up. */
export async function openProcesses(
  language: ProcessAgentOptions['language'],
  wake: ProcessAgentOptions['wake'],
): Promise<SubjectUnderTest> {
  const { supplier, clock } = newSupplier();
  const folder = mkdtempSync(join(tmpdir(), 'vigia-conformance-'));
  const ended = new Map<string, SeatReport>();
  const agents: ProcessAgent[] = [];
  opened += 1;
  const server = await supplierPackage.ProcessFrameServer.open({
    supplier,
    rendition: rendition(),
    path: `/dev/shm/vigia_t${process.pid}-${opened}_frames_x_64x64`,
    socketPath: join(folder, 'frames.sock'),
    onReaderEnd: (id, report) => ended.set(id, report),
  });
  return {
    supplier,
    clock,
    attach: async (id, { fps } = {}) => {
      const agent = await ProcessAgent.start({ language, socketPath: server.socketPath, id, wake, fps });
      agents.push(agent);
      return agent;
    },
    remove: (id) => server.remove(id),
    report: (id) => (server.report(id) ?? ended.get(id)) as SeatReport,
    get readers() {
      return server.readers;
    },
    close: async () => {
      supplier.stop();
      server.close();
      await Promise.all(agents.map((agent) => agent.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
