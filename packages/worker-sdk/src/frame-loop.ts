import type { Clock } from '@vigia/base';
import type { FromWorker } from '@vigia/contracts';
import { Frame } from './frame.ts';
import type { HostLink } from './host-link.ts';

/**
 * The frames of a link. Each is to be answered before the next one is requested; one that was not is answered by the
 * error `no_result`, also when the loop is left. Closes the link at the end.
 *
 * @param ready Sent when the first frame is requested.
 */
export async function* framesOf(
  link: HostLink,
  ready: Extract<FromWorker, { type: 'ready' }>,
  clock: Clock,
): AsyncGenerator<Frame, void, undefined> {
  try {
    link.send(ready);
    for (let lent = await link.next(); lent; lent = await link.next()) {
      const frame = new Frame(lent, (message) => link.send(message), clock);
      try {
        yield frame;
      } finally {
        if (!frame.answered) frame.error('the worker went on without an answer', 'no_result');
      }
    }
  } finally {
    await link.close();
  }
}
