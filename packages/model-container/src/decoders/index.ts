export { COCO_CLASSES } from './coco.ts';
export { type Candidates, intersectionOverUnion, suppress } from './nms.ts';
export { SsdDecoder, type SsdOptions } from './ssd.ts';
