// Answers each frame with the time of its capture, and nothing else.
import { frames } from '@vigia/worker-sdk';

for await (const frame of frames({ name: 'echo' })) {
  frame.result({ data: { captured_ms: frame.capturedAt.getTime(), pts_us: frame.ptsUs } });
}
