export { COCO_80_CLASSES, COCO_CLASSES, COCO_KEYPOINTS } from './coco.ts';
export { ForegroundDecoder, type ForegroundOptions } from './foreground.ts';
export { decodeRunLengths, encodeRunLengths } from './mask.ts';
export { MoveNetDecoder, type MoveNetOptions } from './movenet.ts';
export { MoveNetMultiPoseDecoder, type MoveNetMultiPoseOptions } from './movenet-multipose.ts';
export { type Candidates, intersectionOverUnion, suppress } from './nms.ts';
export { SsdDecoder, type SsdOptions } from './ssd.ts';
export { YoloV8Decoder, type YoloV8Options } from './yolov8.ts';
