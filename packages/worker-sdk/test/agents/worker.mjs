// A worker controlled by its options, for a process and for a thread.
import { once } from 'node:events';
import { workerData } from 'node:worker_threads';
import { frames, heartbeat, log, options, workerInput } from '@vigia/worker-sdk';

const told = options();

/** A form that a test can compare. */
function about(frame) {
  let sum = 0;
  for (const byte of frame.pixels) sum += byte;
  return {
    sum,
    camera: frame.cameraId,
    at: frame.capturedAt,
    pts_us: frame.ptsUs,
    size: [frame.width, frame.height, frame.format, frame.planes],
    aged: frame.ageMs >= 0,
    whole: frame.whole(),
    input: workerInput(),
  };
}

const tasks = {
  sum: (frame) => frame.result({ data: about(frame) }),
  print(frame) {
    console.log('console.log', frame.seq);
    process.stdout.write('process.stdout\n');
    console.error('console.error');
    log('warn', 'a line');
    heartbeat();
    frame.result();
  },
  forget: (frame) => frame.seq === 1 || frame.result(),
  twice(frame) {
    frame.result();
    try {
      frame.result();
    } catch (error) {
      log('error', error.code);
    }
  },
  // Tries impossible detections, then answers with the resulting error.
  outside(frame) {
    try {
      frame.result({ detections: [{ class_id: 0, class_name: 'x', confidence: 2, bbox: [0, 0, 1, 1] }] });
    } catch (error) {
      frame.error(error.message, error.code);
    }
  },
  again(frame) {
    try {
      frames();
    } catch (error) {
      frame.error(error.message, error.code);
    }
  },
  // Holds its frame until the host's next message, which the SDK has seen by then: its listener was added first.
  async hold(frame) {
    const said = once(workerData.vigiaWorker.port, 'message');
    heartbeat();
    await said;
    frame.result({ data: about(frame) });
  },
  // More messages than a host accepts.
  talk(frame) {
    for (let i = 0; i < 5000; i += 1) {
      log('info', String(i));
      heartbeat();
    }
    frame.result();
  },
  // Prints until the pipe is closed.
  chatter(frame) {
    for (let i = 0; i < 200; i += 1) process.stdout.write(`${'x'.repeat(1000)}\n`);
    frame.result();
  },
};

for await (const frame of frames(told.frames ?? {})) await tasks[told.task](frame);
log('info', 'the end');
