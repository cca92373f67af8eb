// Takes a second per frame, and returns the frame's age on arrival. In a thread there is no place where bytes could
// wait.
import { frames, options } from '@vigia/worker-sdk';

const { work_ms: workMs } = options();
const pause = new Int32Array(new SharedArrayBuffer(4));
for await (const frame of frames({ name: 'slow' })) {
  const handedMs = frame.ageMs;
  Atomics.wait(pause, 0, 0, workMs);
  frame.result({ data: { handed_ms: handedMs, waiting_bytes: 0 } });
}
