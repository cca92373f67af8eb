import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { POSE_SIZE, tinyPoseOfTheLast } from '../../test/support/tiny-pose.ts';
import { OnnxNetwork } from './onnx-network.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-network-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test.each([[false], [true]])(
  'a graph that gives one result for two pictures fails, and does not give both the same; says so openly: %s',
  async (openOutput) => {
    const path = join(dir, 'last.onnx');
    writeFileSync(path, tinyPoseOfTheLast(openOutput));
    const input = { name: 'image', ...POSE_SIZE, format: 'RGB24', fit: 'stretch', layout: 'NHWC' } as const;
    const network = await OnnxNetwork.open({ path, input, threads: 1, provider: 'cpu', maxBatch: 2 });
    try {
      network.input.fill(51);
      const [[tensor] = []] = await network.run(1);
      expect(tensor?.data[0]).toBeCloseTo(0.2);
      await expect(network.run(2)).rejects.toThrow(
        openOutput ? /shape/i : "the graph has output 'points' as [1,1,17,3], which are not 2 pictures",
      );
    } finally {
      await network.close();
    }
  },
);
