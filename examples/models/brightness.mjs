// A model without a network: how bright a picture is. `vigia` does the rest: turns, deadlines, health, many cameras.
export const manifest = { version: '1', task: 'detection', classes: ['bright'], width: 64, height: 36, fit: 'stretch' };

export function load() {
  // Whatever takes time to load is loaded here, once.
  return ({ data }) => {
    let sum = 0;
    for (const value of data) sum += value;
    const confidence = sum / data.length / 255;
    if (confidence < 0.5) return [];
    return [{ class_id: 0, class_name: 'bright', confidence, bbox: [0, 0, 1, 1] }];
  };
}
