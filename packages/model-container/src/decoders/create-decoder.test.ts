import { expect, test } from 'vitest';
import type { DecoderSettings } from '#manifest';
import type { OutputTensor } from '#network';
import { createDecoder } from './create-decoder.ts';

const BOXES = { anchors: 5, score_threshold: 0.5, iou_threshold: 0.5, max_detections: 3 };
const INPUT = { name: 'image', width: 4, height: 3, format: 'RGB24', fit: 'stretch' } as const;
/** Expected number of values of each output. */
const KINDS: readonly (readonly [DecoderSettings, readonly number[]])[] = [
  [{ kind: 'ssd', scores: 'first', boxes: 'second', ...BOXES }, [10, 20]],
  [{ kind: 'yolov8', output: 'first', ...BOXES }, [30]],
  [{ kind: 'movenet', output: 'first', score_threshold: 0.5 }, [51]],
  [{ kind: 'movenet-multipose', output: 'first', score_threshold: 0.5 }, [336]],
  [{ kind: 'foreground', output: 'first', threshold: 0.5, grid: 8 }, [12]],
];
const tensors = (counts: readonly number[]): OutputTensor[] =>
  counts.map((count, i) => ({ name: i === 0 ? 'first' : 'second', dims: [count], data: new Float32Array(count) }));

test.each(KINDS)(
  '$kind: an output of another size is a failure, and not a picture without anything',
  async (...args) => {
    const [settings, counts] = args;
    const decoder = await createDecoder({ id: 'm', classes: ['a', 'b'], input: INPUT, decoder: settings }, '');
    expect(decoder.decode(tensors(counts))).toEqual([]);
    for (const [i, count] of counts.entries()) {
      for (const wrong of [0, count - 1, count + 1, count * 2]) {
        const text = `output '${i === 0 ? 'first' : 'second'}' has ${wrong} numbers [${wrong}], ${count} are expected (`;
        expect(() => decoder.decode(tensors(counts.with(i, wrong)))).toThrow(
          expect.objectContaining({ code: 'inference_failed', message: expect.stringContaining(text) }),
        );
      }
    }
    // Only a mask has no confidence to compare.
    expect(decoder.faint?.(tensors(counts), 0.1)).toEqual(settings.kind === 'foreground' ? undefined : []);
    expect(() => decoder.decode([])).toThrow("output 'first' does not consist of 32-bit floats");
  },
);
