import { ModelStore } from '@vigia/model-container';
import { expect, test } from 'vitest';

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
