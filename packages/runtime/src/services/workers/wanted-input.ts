import { packedBytes, type WorkerFormat, type WorkerWants } from '@vigia/contracts';
import type { WorkerConsumerSetup } from '#core/camera-link';
import type { RenditionSpec } from '#core/media';

/** The pictures that a worker gets. */
export interface WorkerInput {
  /** How its pictures are rendered. JPEG is compressed from RGB24. */
  readonly spec: RenditionSpec;
  readonly jpeg: boolean;
}

/** What a worker wants, if its configuration allows it; otherwise a sentence with both. */
export function wantedInput(setup: WorkerConsumerSetup, wants: WorkerWants = {}): WorkerInput | string {
  const { input, worker } = setup;
  const allowedFormat: WorkerFormat = worker.jpeg ? 'JPEG' : input.format;
  const { format = allowedFormat, width = input.width, height = input.height } = wants;
  const found = `wants ${format} ${width}×${height}`;
  const allowed = `its configuration's input allows ${allowedFormat} ${input.width}×${input.height}`;
  if (format === 'JPEG' && worker.transport !== 'stdin')
    return `${found}; JPEG goes over stdin, not over ${worker.transport}`;
  if ((format === 'NV12' || format === 'I420') && (width % 2 !== 0 || height % 2 !== 0))
    return `${found}; ${format} needs an even width and height`;
  const pixels = format === 'JPEG' ? 'RGB24' : format;
  const fits = packedBytes(pixels, width, height) <= packedBytes(input.format, input.width, input.height);
  if (width > input.width || height > input.height || !fits) return `${found}; ${allowed}, not more bytes than that`;
  return { spec: { format: pixels, width, height, fit: input.fit }, jpeg: format === 'JPEG' };
}
