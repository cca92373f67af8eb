import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@vigia/base';
import { afterEach, expect, test } from 'vitest';
import type { Plan } from '#node/plan';
import type { PlanChangeSummary } from '#node/plan';
import { Reloader } from './reload.ts';

const dir = mkdtempSync(join(tmpdir(), 'vigia-reload-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const NONE = { added: [], changed: [], removed: [], untouched: 1 };
const UNTOUCHED: PlanChangeSummary = { cameras: NONE, models: { ...NONE, untouched: 0 }, mqtt: false };

test('one at a time; all who ask meanwhile get one more, which reads the file after they asked', async () => {
  const file = join(dir, 'v.yml');
  const write = (camera: string): void =>
    writeFileSync(file, `version: 1\ncameras:\n  ${camera}:\n    source: rtsp://127.0.0.1/x\n`);
  write('first');
  const logged: string[] = [];
  const applied: Plan[] = [];
  const going: (() => void)[] = [];
  const reloader = new Reloader({
    file,
    runDir: dir,
    log: createLog('test', (record) => logged.push(record.message)),
    signal: new AbortController().signal,
    ownModels: () => new Set<string>(),
    apply: (plan) => {
      applied.push(plan);
      return new Promise((resolve) => going.push(() => resolve(UNTOUCHED)));
    },
  });
  const first = reloader.reload();
  await until(() => going.length === 1);
  const waiting = [reloader.reload(), reloader.reload()];
  write('second');
  waiting.push(reloader.reload());
  expect(applied).toHaveLength(1);
  going[0]?.();
  expect(await first).toBe(UNTOUCHED);
  await until(() => going.length === 2);
  going[1]?.();
  expect(await Promise.all(waiting)).toEqual([UNTOUCHED, UNTOUCHED, UNTOUCHED]);
  expect(applied.map((plan) => plan.cameras.map((c) => c.camera))).toEqual([['first'], ['second']]);
  expect(logged).toEqual(
    Array.from({ length: 2 }, () => expect.stringMatching(/^configuration read again: cameras: 1/)),
  );

  // After one that failed the next one is as good as any.
  writeFileSync(file, 'version: 2\ncameras: {}\n');
  await expect(reloader.reload()).rejects.toThrow(/v\.yml:1: version: /);
  expect(logged.slice(2)).toEqual([expect.stringMatching(/^reload: .*version/), 'reload: nothing was changed']);
  write('third');
  const third = reloader.reload();
  await until(() => going.length === 3);
  going[2]?.();
  await third;
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
