/** @module-tag full */
import { CATALOGUE, ModelStore } from '@vigia/model-container';
import { expect, test } from 'vitest';

/** Up to 145 MB are downloaded when the cache is empty. */
const DOWNLOAD_MS = 300_000;

test('the default model is pulled, is what the catalogue pins, and sees its golden picture', async () => {
  const store = new ModelStore();
  const model = await store.resolve('ssdlite-mobilenet-v2', { pull: true });
  const people = model.manifest.golden?.detections.filter((detection) => detection.class_name === 'person') ?? [];
  expect(people).toHaveLength(5);
  expect(await store.verify('ssdlite-mobilenet-v2')).toMatchObject({
    version: model.manifest.version,
    goldenDetections: 7,
  });
  expect(await store.list()).toContainEqual(expect.objectContaining({ id: 'ssdlite-mobilenet-v2', present: true }));
});

test.each(CATALOGUE.slice(1))(
  '$id is what the catalogue pins, and sees its golden picture',
  async ({ id, licence }) => {
    const store = new ModelStore();
    const { manifest } = await store.pull(id, { acceptLicence: licence });
    const seen = await store.verify(id);
    expect(seen).toMatchObject({ version: manifest.version, goldenDetections: manifest.golden?.detections.length });
  },
  DOWNLOAD_MS,
);
