/**
 * Pairs rows with columns so that the sum of costs is least, where a row without a column costs `limit`: the Hungarian
 * method with shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987). Takes at most rows² × columns steps, with
 * the fewer ones as rows.
 *
 * @param cost Row by row. Pairs that cost `limit` or more are never made.
 * @returns for each row its column, or -1.
 */
export function assign(cost: Float64Array, rows: number, columns: number, limit: number): Int32Array {
  if (rows > columns) return inverse(assign(transposed(cost, rows, columns), columns, rows, limit), rows);
  const found = new Int32Array(rows).fill(-1);
  if (rows === 0) return found;
  // Rows and columns count from 1 here: 0 is the row that is being placed.
  const rowPrice = new Float64Array(rows + 1);
  const columnPrice = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1);
  const from = new Int32Array(columns + 1);
  const least = new Float64Array(columns + 1);
  const done = new Uint8Array(columns + 1);
  const costOf = (row: number, column: number): number =>
    Math.min(limit, cost[(row - 1) * columns + column - 1] as number);
  for (let row = 1; row <= rows; row += 1) {
    rowOf[0] = row;
    least.fill(Number.POSITIVE_INFINITY);
    done.fill(0);
    let column = 0;
    do {
      done[column] = 1;
      const current = rowOf[column] as number;
      let [step, nearest] = [Number.POSITIVE_INFINITY, 0];
      for (let other = 1; other <= columns; other += 1) {
        if (done[other]) continue;
        const reduced = costOf(current, other) - (rowPrice[current] as number) - (columnPrice[other] as number);
        if (reduced < (least[other] as number)) {
          least[other] = reduced;
          from[other] = column;
        }
        if ((least[other] as number) < step) [step, nearest] = [least[other] as number, other];
      }
      for (let other = 0; other <= columns; other += 1)
        if (done[other]) {
          rowPrice[rowOf[other] as number] = (rowPrice[rowOf[other] as number] as number) + step;
          columnPrice[other] = (columnPrice[other] as number) - step;
        } else least[other] = (least[other] as number) - step;
      column = nearest;
    } while (rowOf[column] !== 0);
    for (; column !== 0; column = from[column] as number) rowOf[column] = rowOf[from[column] as number] as number;
  }
  for (let column = 1; column <= columns; column += 1) {
    const row = (rowOf[column] as number) - 1;
    if (row >= 0 && (cost[row * columns + column - 1] as number) < limit) found[row] = column - 1;
  }
  return found;
}

function transposed(cost: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(cost.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      out[column * rows + row] = cost[row * columns + column] as number;
  return out;
}

function inverse(columnOf: Int32Array, count: number): Int32Array {
  const out = new Int32Array(count).fill(-1);
  columnOf.forEach((column, row) => {
    if (column >= 0) out[column] = row;
  });
  return out;
}
