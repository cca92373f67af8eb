// Reads lists out of documents: sections, tables, names in cells.
import { textOf } from './source-code.mjs';

/** The first group that matched, of every match. */
export function found(text, pattern) {
  return [...text.matchAll(pattern)].map(([, ...groups]) => groups.find((group) => group !== undefined));
}

/** Inline code. */
export function codes(text) {
  return found(text, /`([^`]+)`/g);
}

/** Names in a cell, as code or as a link. */
export function namesIn(cell) {
  return found(cell, /`([^`]+)`|\[([^\]`]+)\]/g);
}

/** From a heading to the next one of its level or above; empty without such a heading. */
export function sectionOf(file, heading) {
  const text = textOf(file);
  const begin = new RegExp(`^(#+) ${heading}$`, 'm').exec(text);
  if (!begin) return '';
  const rest = text.slice(begin.index + begin[0].length);
  return rest.split(new RegExp(`^#{1,${begin[1].length}} `, 'm'))[0];
}

/** The tables in a text, each with the cells of its header and of its rows. */
export function tablesIn(text) {
  return found(text, /^((?:\|.*\n)+)/gm).map((table) => {
    const [header, , ...rows] = table.trimEnd().split('\n').map(cellsOf);
    return { header, rows };
  });
}

function cellsOf(line) {
  return line
    .slice(1, -1)
    .split(' | ')
    .map((cell) => cell.trim());
}

/** The first cell of each row of the table whose header begins with these cells; empty without such a table. */
export function firstCells(file, first, second) {
  const table = tablesIn(textOf(file)).find(({ header }) => header[0] === first && header[1] === second);
  return table?.rows.map(([cell = '']) => cell) ?? [];
}
