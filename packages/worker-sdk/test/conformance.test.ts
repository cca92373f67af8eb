import { WORKER_TRANSPORTS } from '@vigia/contracts';
import { plainWorker, pythonWorker, threadWorker, typescriptWorker } from './conformance/subjects.ts';
import { conformance } from './conformance/suite.ts';

for (const transport of WORKER_TRANSPORTS) {
  conformance(typescriptWorker(transport));
  conformance(pythonWorker(transport));
  conformance(plainWorker(transport));
}
conformance(threadWorker);
