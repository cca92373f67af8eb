// Sees a person in the first frame after a file named like its camera appeared in the folder of its options.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { frames, options } from '@vigia/worker-sdk';

const person = { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.1, 0.1, 0.9, 0.9] };

for await (const frame of frames({ name: 'witness' })) {
  const order = join(options().dir, frame.cameraId);
  const told = statSync(order, { throwIfNoEntry: false }) !== undefined;
  if (told) rmSync(order);
  frame.result({ detections: told ? [person] : [] });
}
