import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { frameBytes, parseManifest, formatManifest } from '#manifest';
import { goldenPixels } from './build-model.ts';
import { manifestOf } from './catalogue.ts';
import { CATALOGUE } from './models.ts';

const withDetector = async (id: string): Promise<Awaited<ReturnType<typeof manifestOf>>> => {
  const entry = CATALOGUE.find((candidate) => candidate.id === id) ?? expect.fail(`there is no '${id}'`);
  return manifestOf(entry, entry.detector === undefined ? undefined : await withDetector(entry.detector));
};
const IDS = CATALOGUE.map((entry) => entry.id);

test('ids are unique, the default is under a licence that asks for nothing', () => {
  expect(new Set(IDS).size).toBe(IDS.length);
  expect(CATALOGUE[0]).toMatchObject({ id: 'ssdlite-mobilenet-v2', licence: 'Apache-2.0' });
  expect(CATALOGUE.filter((entry) => entry.acceptLicence).map((entry) => entry.licence)).toEqual(['AGPL-3.0']);
});

test.each(IDS)('the manifest of %s is one that can be read', async (id) => {
  const manifest = await withDetector(id);
  expect(parseManifest(formatManifest(manifest), id)).toEqual(manifest);
  expect(manifest.memory_mib).toBeGreaterThan(100);
});

test.each(IDS)('the golden picture of %s has the pixels that its detections were found in', async (id) => {
  const entry = CATALOGUE.find((candidate) => candidate.id === id);
  const manifest = await withDetector(id);
  const pixels = await goldenPixels(entry?.golden?.picture ?? expect.fail('it has none'));
  expect(pixels.byteLength).toBe(frameBytes(manifest));
  expect(createHash('sha256').update(pixels).digest('hex')).toBe(manifest.golden?.sha256);
});

test.each(IDS)('what %s saw is of its task', async (id) => {
  const { task, golden, classes } = await withDetector(id);
  expect(golden?.detections.length).toBeGreaterThan(0);
  for (const { class_id, class_name, keypoints, mask } of golden?.detections ?? []) {
    expect(classes[class_id]).toBe(class_name);
    expect(keypoints?.length).toBe(task === 'pose' ? 17 : undefined);
    expect(mask !== undefined).toBe(task === 'segmentation');
  }
});

test('crops and detector go together, and the detector knows the class', () => {
  for (const entry of CATALOGUE) {
    const detector = CATALOGUE.find((candidate) => candidate.id === entry.detector);
    expect(detector !== undefined).toBe(entry.crops !== undefined);
    if (entry.crops) expect(detector?.classes).toContain(entry.crops.class);
  }
});
