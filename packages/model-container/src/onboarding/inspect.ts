import { REMOTE_TOKEN, UsageError, VigiaError } from '@vigia/base';
import type { AddOptions } from './add-options.ts';
import type { Found } from './find-network.ts';
import type { Inspected, InspectReport, InspectRequest } from './inspection.ts';
import { inProcess } from './own-process.ts';

/**
 * Describes a network and proves it on a picture, in a process of its own: a graph or a decoder that does not end
 * cannot be interrupted, except with its process.
 *
 * @param dir The model's folder under construction; golden picture and manifest are written into it.
 * @throws UsageError and VigiaError of describing and proving, `measurement` when the process ends early or takes too
 *   long; the signal's reason.
 */
export function inspect(found: Found, dir: string, options: AddOptions): Promise<Inspected> {
  const { id, wishes, golden, tell, clock, signal } = options;
  const request: InspectRequest = { dir, found, options: { id, wishes, golden } };
  return inProcess<InspectReport, Inspected>({
    entry: 'inspect-entry.js',
    args: [],
    environment: found.remote ? [REMOTE_TOKEN] : [],
    request,
    doing: 'inspected',
    clock,
    signal,
    onReport: (report, end) => {
      if (report.type === 'line') tell(report.line);
      else if (report.type === 'failed') end({ error: failureOf(report, dir) });
      else end({ value: { proven: report.proven, openBatch: report.openBatch } });
    },
  });
}

function failureOf({ usage, code, message }: Extract<InspectReport, { type: 'failed' }>, path: string): VigiaError {
  return usage ? new UsageError(message) : new VigiaError(code, message, { path });
}
