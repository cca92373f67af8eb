/** Output of a benchmark: cells are text. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Sentences below the table. */
  readonly notes?: readonly string[];
}

/** The table for a terminal: the first column left-aligned, the others right-aligned. */
export function asText({ title, columns, rows, notes = [] }: Table): string {
  const widths = widthsOf(columns, rows);
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [title, rule, line(columns), rule, ...rows.map(line), ...notes.map((note) => `· ${note}`), ''].join('\n');
}

/** The table in Markdown. */
export function asMarkdown({ title, columns, rows, notes = [] }: Table): string {
  const widths = widthsOf(columns, rows);
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const list = notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : [];
  return [`### ${title}`, '', line(columns), rule, ...rows.map(line), ...list, ''].join('\n');
}

function widthsOf(columns: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return columns.map((column, i) => Math.max(3, column.length, ...rows.map((row) => row[i]?.length ?? 0)));
}
