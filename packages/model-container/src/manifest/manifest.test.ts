import { VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { formatManifest, type ModelManifest, parseManifest } from './manifest.ts';

const MANIFEST: ModelManifest = {
  schema: 1,
  id: 'm',
  version: '0123456789ab',
  sha256: 'a'.repeat(64),
  licence: 'Apache-2.0',
  source: 'npm x@1',
  task: 'detection',
  classes: ['person', '', 'no'],
  input: { name: 'image', width: 300, height: 300, format: 'RGB24', fit: 'stretch' },
  decoder: {
    kind: 'ssd',
    scores: 's',
    boxes: 'b',
    anchors: 10,
    score_threshold: 0.55,
    iou_threshold: 0.5,
    max_detections: 100,
  },
  golden: {
    file: 'golden.rgb',
    sha256: 'b'.repeat(64),
    min_iou: 0.9,
    score_tolerance: 0.05,
    detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1] }],
  },
};

test('what is written is what is read', () => {
  expect(parseManifest(formatManifest(MANIFEST), 'x')).toEqual(MANIFEST);
});

test.each([
  ['{', /x is not YAML/],
  ['', /x: document: /],
  [formatManifest({ ...MANIFEST, version: 'latest' }), /x: version: /],
  [formatManifest({ ...MANIFEST, input: { ...MANIFEST.input, width: 0 } }), /x: input\.width: /],
  [formatManifest(MANIFEST).replace('golden.rgb', '../golden.rgb'), /x: golden\.file: the name of a file beside/],
  [`${formatManifest(MANIFEST)}thresold: 1\n`, /x: document: .*thresold/],
])('a wrong manifest is refused with the field: %#', (text, message) => {
  expect(() => parseManifest(text, 'x')).toThrow(message);
  expect(() => parseManifest(text, 'x')).toThrow(VigiaError);
});
