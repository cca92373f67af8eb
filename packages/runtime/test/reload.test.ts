import { describe, expect, test } from 'vitest';
import { type CameraText, holdingsOf, pidsByCamera, reportNow, untilSeen, writeConfig } from './support/fleet.ts';
import { ReadMetrics } from './support/openmetrics.ts';
import { command, hangUp, resultsOfNewProcess, running, type RunningNode, stop } from './support/running-node.ts';
import { isAlive } from './support/vigia.ts';

/** The weights of the default model under another name. */
const OTHER_MODEL = 'other: { use: ssdlite-mobilenet-v2 }';

describe('SIGHUP', () => {
  test('adds, changes and removes a camera; the others go on untouched', async () => {
    const node = await running(5, 4);
    const { box, fleet, vigia, all } = node;
    const pids = pidsByCamera(box);
    const before = await reportNow(box);
    const { c0, c1, c2, c4 } = all as Record<string, CameraText>;
    writeConfig(box, {
      c0,
      c1,
      c2: { ...c2, extra: 'roi: { x: 0.5, y: 0, width: 0.5, height: 1 }' },
      c4,
    } as Record<string, CameraText>);
    const from = vigia.lines.length;
    const askedMs = performance.now();
    expect(await hangUp(vigia)).toContain(
      'cameras: added c4, changed c2, removed c3, 2 untouched; models: 1 untouched',
    );
    const doneMs = performance.now() - askedMs;
    await vigia.until('a result of the changed one', () => resultsOfNewProcess(vigia, 'c2', from).length > 0);
    const seenMs = performance.now() - askedMs;
    await untilSeen(vigia, ['c0', 'c1', 'c2', 'c4'], from);
    process.stdout.write(
      `reload: done after ${doneMs.toFixed(0)} ms, the changed camera seen again after ${seenMs.toFixed(0)} ms\n`,
    );

    const now = pidsByCamera(box);
    expect([...now.keys()].sort()).toEqual(['c0', 'c1', 'c2', 'c4']);
    expect([now.get('c0'), now.get('c1')]).toEqual([pids.get('c0'), pids.get('c1')]);
    expect(now.get('c2')).not.toBe(pids.get('c2'));
    expect(isAlive(pids.get('c3') as number)).toBe(false);
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 1, 2, 1, 1]);
    expect(fleet[3]?.stats().playing).toBe(0);
    // The half of the picture that it looks at is the right one: boxes are of the whole picture.
    const ofNewProcess = resultsOfNewProcess(vigia, 'c2', from);
    expect(ofNewProcess.flatMap((r) => r.detections ?? []).every(({ bbox: [left] }) => left >= 0.499)).toBe(true);

    const metrics = await ReadMetrics.of(box);
    expect(metrics.valuesOf('camera')).toEqual(['c0', 'c1', 'c2', 'c4']);
    for (const camera of ['c0', 'c4'])
      expect(metrics.value('vigia_consumer_age_seconds_count', { camera })).toBeGreaterThan(0);
    const report = await stop(node);
    expect(Object.keys(report.cameras).sort()).toEqual(['c0', 'c1', 'c2', 'c4']);
    for (const id of ['c0', 'c1']) {
      expect(report.cameras[id]).toMatchObject({ state: 'live', reconnects: 0, restarts: 0 });
      expect(report.cameras[id]?.captured).toBeGreaterThan(before.cameras[id]?.captured ?? 0);
    }
    // What a camera has counted goes on over a change of its settings, and its deliberate start is no restart.
    expect(report.cameras['c2']?.restarts).toBe(0);
    expect(report.cameras['c2']?.captured).toBeGreaterThan(before.cameras['c2']?.captured ?? 0);
    expect(report.cameras['c2']?.consumers['people']?.published).toBeGreaterThan(
      before.cameras['c2']?.consumers['people']?.published ?? 0,
    );
  });

  test('the same file, a bad one, one that does not fit, another node name: sentences, and nothing is changed', async () => {
    const node = await running(2);
    const { box, fleet, vigia, all } = node;
    const pids = pidsByCamera(box);
    const { c0 } = all as { c0: CameraText };
    expect(await hangUp(vigia)).toContain('cameras: 2 untouched; models: 1 untouched');

    box.file('vigia.yml', `version: 1\nnode: ${box.node}\ncameras:\n  c0:\n    sorce: x\n`);
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(vigia.stderr).toMatch(/reload: .*vigia\.yml:5: cameras\.c0\.sorce: unknown key, did you mean "source"\?/);
    expect(await command(box, 'reload', '--node', box.node)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^vigia: .*vigia\.yml:5: cameras\.c0\.sorce: unknown key/),
    });

    writeConfig(box, Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`c${i}`, c0])));
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(await command(box, 'reload', '--node', box.node)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vigia: memory: 900 cameras and 1 model need up to .* are available/),
    });

    box.file('vigia.yml', `version: 1\nnode: other\ncameras:\n  c0:\n    source: ${c0.source}\n`);
    expect(await hangUp(vigia)).toBe('reload: nothing was changed');
    expect(vigia.stderr).toContain(`node: found "other", the running node is called "${box.node}"`);

    expect(pidsByCamera(box)).toEqual(pids);
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 1]);
    await untilSeen(vigia, ['c0', 'c1'], vigia.lines.length);
    await stop(node);
  });

  test('a consumer added and one taken away: the camera’s counters go on, those of the one that stays too', async () => {
    const node = await running(1);
    const { box, vigia, all } = node;
    const { c0 } = all as { c0: CameraText };
    const first = (await reportNow(box)).cameras['c0'];
    writeConfig(box, { c0: { ...c0, consumers: 'people: { model: ssdlite }, slow: { model: ssdlite, fps: 1 }' } });
    await hangUp(vigia);
    await vigia.until('a result of the new one', () => vigia.results.some((r) => r.consumer === 'slow'));
    const both = (await reportNow(box)).cameras['c0'];
    expect(both?.consumers['people']?.published).toBeGreaterThan(first?.consumers['people']?.published ?? 0);
    expect(both?.consumers['slow']?.published).toBeLessThan(both?.consumers['people']?.published ?? 0);
    writeConfig(box, { c0: { ...c0, consumers: 'slow: { model: ssdlite, fps: 1 }' } });
    await hangUp(vigia);
    const from = vigia.lines.length;
    await untilSeen(vigia, ['c0'], from);
    expect((await ReadMetrics.of(box)).valuesOf('consumer')).toEqual(['slow']);

    // Another model: its counters start from zero, and so do its histograms.
    writeConfig(box, { c0: { ...c0, consumers: 'slow: { model: other, fps: 1 }' } }, '', OTHER_MODEL);
    await hangUp(vigia);
    await untilSeen(vigia, ['c0'], vigia.lines.length);
    const metrics = await ReadMetrics.of(box);
    const ages = metrics.value('vigia_consumer_age_seconds_count', { consumer: 'slow' });
    expect(ages).toBeGreaterThan(0);
    expect(ages).toBeLessThanOrEqual((await reportNow(box)).cameras['c0']?.consumers['slow']?.results.ok ?? 0);

    const report = (await stop(node)).cameras['c0'];
    expect(Object.keys(report?.consumers ?? {})).toEqual(['slow']);
    expect(report?.captured).toBeGreaterThan(both?.captured ?? 0);
  });

  test('a model with other settings: a new container takes over, and the old one goes', async () => {
    const node = await running(2);
    const { box, vigia, all } = node;
    const container = vigia.child('model-container');
    writeConfig(box, all, '', 'ssdlite: { use: ssdlite-mobilenet-v2, threads: 2 }');
    const from = vigia.lines.length;
    expect(await hangUp(vigia)).toContain('cameras: changed c0 c1, 0 untouched; models: changed ssdlite, 0 untouched');
    expect(isAlive(container)).toBe(false);
    await untilSeen(vigia, ['c0', 'c1'], from);
    expect(vigia.child('model-container')).not.toBe(container);
    // The end of the old container is not reported as the end of the new one.
    expect(vigia.lines.some((l) => l.type === 'model_state' && l.state === 'stopped')).toBe(false);
    await stop(node);
  });

  test('taken out, then in again under the same name', { tags: 'full' }, async () => {
    const node = await running(2);
    const { box, fleet, vigia, all } = node;
    const { c0 } = all as { c0: CameraText };
    for (let round = 0; round < 2; round += 1) {
      writeConfig(box, { c0 });
      expect(await hangUp(vigia)).toContain('removed c1');
      expect([...pidsByCamera(box).keys()]).toEqual(['c0']);
      writeConfig(box, all);
      const from = vigia.lines.length;
      expect(await hangUp(vigia)).toContain('added c1');
      await untilSeen(vigia, ['c1'], from);
    }
    expect(fleet.map((camera) => camera.stats().connectionsTotal)).toEqual([1, 3]);
    await stop(node);
  });

  test('six in a row leave nothing behind', { tags: 'full' }, async () => {
    const node = await running(3);
    const { box, vigia, all } = node;
    const { c0, c1, c2 } = all as Record<string, CameraText>;
    const before = holdingsOf(vigia, box);
    for (let round = 0; round < 3; round += 1) {
      writeConfig(box, { c0, c1: { ...c1, extra: 'roi: { x: 0, y: 0, width: 0.5, height: 1 }' } } as Record<
        string,
        CameraText
      >);
      await hangUp(vigia);
      writeConfig(box, { c0, c1, c2 } as Record<string, CameraText>);
      await hangUp(vigia);
    }
    await untilSeen(vigia, ['c0', 'c1', 'c2'], vigia.lines.length);
    // Descriptors of pipes that end, and the health question’s socket, are closed a moment later.
    await vigia.until('what it held before, and no more', () => {
      const now = holdingsOf(vigia, box);
      return now.descriptors <= before.descriptors && now.zombies === 0;
    });
    expect({ ...holdingsOf(vigia, box), descriptors: 0 }).toEqual({ ...before, descriptors: 0 });
    const report = await stop(node);
    expect(report.cameras['c0']).toMatchObject({ reconnects: 0, restarts: 0 });
    expect(report.cameras['c1']?.restarts).toBe(0);
  });

  test('many at once are one more, and none is lost', { tags: 'full' }, async () => {
    const { box, vigia, all } = await running(2);
    const { c0 } = all as { c0: CameraText };
    writeConfig(box, { c0 });
    for (let i = 0; i < 5; i += 1) vigia.process.kill('SIGHUP');
    await vigia.until('the last one', () => vigia.stderr.includes('removed c1'));
    expect([...pidsByCamera(box).keys()]).toEqual(['c0']);
  });
});

describe('SIGTERM in the middle of a reload', { tags: 'full' }, () => {
  test.each([
    ['at once', () => true],
    ['when the changed camera’s old process has hung up', (node: RunningNode) => node.fleet[1]?.stats().playing === 0],
    [
      'when the removed one is gone',
      ({ vigia }: RunningNode) => vigia.lines.some((l) => 'state' in l && l.state === 'stopped'),
    ],
  ])('%s: everything is gone', async (_, when) => {
    const node = await running(3);
    const { box, vigia, all } = node;
    const { c0, c1 } = all as Record<string, CameraText>;
    const family = vigia.children().map((c) => c.pid);
    writeConfig(
      box,
      { c0, c1: { ...c1, extra: 'on_loss: conceal' } } as Record<string, CameraText>,
      '',
      'ssdlite: { use: ssdlite-mobilenet-v2, threads: 2 }',
    );
    vigia.process.kill('SIGHUP');
    await vigia.until('the moment', () => when(node));
    family.push(...vigia.children().map((c) => c.pid));
    await stop(node);
    expect(family.filter(isAlive)).toEqual([]);
  });
});
