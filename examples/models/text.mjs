// Locates text (PP-OCR's detector): the network returns, for each pixel, the probability that it belongs to text.
const SURE = 0.3; // a pixel
const SURE_BOX = 0.6; // all pixels of a box, on average

export function decode([map], { classes, width, height }) {
  const left = Uint8Array.from(map.data, (value) => (value > SURE ? 1 : 0));
  const found = [];
  for (let start = 0; start < left.length; start += 1) {
    if (!left[start]) continue;
    let [x0, y0, x1, y1, sum, count] = [width, height, 0, 0, 0, 0];
    for (const open = [start]; open.length > 0; ) {
      const at = open.pop();
      if (!left[at]) continue;
      left[at] = 0;
      const [x, y] = [at % width, Math.floor(at / width)];
      [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
      [sum, count] = [sum + map.data[at], count + 1];
      open.push(x > 0 ? at - 1 : at, x < width - 1 ? at + 1 : at, at - width, at + width);
    }
    if (count < 20 || sum / count < SURE_BOX) continue;
    const grow = ((x1 - x0) * (y1 - y0) * 0.75) / (x1 - x0 + y1 - y0); // the network was taught shrunken boxes
    const bbox = [(x0 - grow) / width, (y0 - grow) / height, (x1 + grow) / width, (y1 + grow) / height];
    const inside = bbox.map((edge) => Math.min(1, Math.max(0, edge)));
    found.push({ class_id: 0, class_name: classes[0], confidence: sum / count, bbox: inside });
  }
  return found;
}
