// A worker that answers each frame with its time of arrival.
import { frames } from '@vigia/worker-sdk';

for await (const frame of frames()) {
  const atNs = Number(process.hrtime.bigint());
  frame.result({ data: { at_ns: atNs } });
}
