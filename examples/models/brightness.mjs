// A model without a network: the brightness of a picture. `vigia` adds turns, deadlines, health and any number of
// cameras.
export const manifest = { version: '1', task: 'detection', classes: ['bright'], width: 64, height: 36, fit: 'stretch' };

export function load() {
  // Load large resources here; this runs once.
  return ({ data }) => {
    let sum = 0;
    for (const value of data) sum += value;
    const confidence = sum / data.length / 255;
    if (confidence < 0.5) return [];
    return [{ class_id: 0, class_name: 'bright', confidence, bbox: [0, 0, 1, 1] }];
  };
}
