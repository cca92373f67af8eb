// The 80 categories of COCO's detection task under their original ids (https://cocodataset.org, instances_*.json).
// Ids 12, 26, 29, 30, 45, 66, 68, 69, 71 and 83 were never used: '-' here.
const NAMES =
  'person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|-|stop sign|parking meter|' +
  'bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|-|backpack|umbrella|-|-|handbag|tie|suitcase|frisbee|' +
  'skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard|tennis racket|bottle|-|wine glass|' +
  'cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot|hot dog|pizza|donut|cake|chair|couch|' +
  'potted plant|bed|-|dining table|-|-|toilet|-|tv|laptop|mouse|remote|keyboard|cell phone|microwave|oven|toaster|sink|' +
  'refrigerator|-|book|clock|vase|scissors|teddy bear|hair drier|toothbrush';

/** Names of COCO's 90 category ids; `class_id` is the id − 1 (0 is a person), unused ids are empty. */
export const COCO_CLASSES: readonly string[] = NAMES.split('|').map((name) => (name === '-' ? '' : name));

/** COCO's 80 categories in use, in the same order: the numbering of models without gaps (0 is a person). */
export const COCO_80_CLASSES: readonly string[] = COCO_CLASSES.filter((name) => name !== '');

/**
 * COCO's 17 keypoints of a body, in its order (https://cocodataset.org, person_keypoints_*.json). Left is the person's
 * left.
 */
export const COCO_KEYPOINTS: readonly string[] = [
  'nose',
  ...['eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'].flatMap((part) => [
    `left_${part}`,
    `right_${part}`,
  ]),
];
