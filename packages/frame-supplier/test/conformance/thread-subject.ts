import type { SeatReport } from '@vigia/frame-supplier';
import { ThreadAgent } from './agent-readers.ts';
import { newSupplier, rendition, type SubjectUnderTest, supplierPackage } from './subject.ts';

/** Readers in worker threads: `blocking` ones sleep in Atomics.wait, the others keep their loop free. */
export function openThreads(blocking: boolean): Promise<SubjectUnderTest> {
  const { supplier, clock } = newSupplier();
  const ended = new Map<string, SeatReport>();
  const agents: ThreadAgent[] = [];
  const server = new supplierPackage.ThreadFrameServer({
    supplier,
    rendition: rendition(),
    onReaderEnd: (id, report) => ended.set(id, report),
  });
  return Promise.resolve({
    supplier,
    clock,
    attach: async (id, options) => {
      const agent = await ThreadAgent.start(server.admit(id, options), blocking);
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
      await Promise.all(agents.map(({ worker }) => worker.terminate()));
    },
  });
}
