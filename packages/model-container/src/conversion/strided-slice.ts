import type { GraphBuilder, Value } from './graph.ts';
import { intAttribute, type TfNode, unsupported } from './tf-node.ts';
import { source } from './values.ts';

/** Past the end of any axis: ONNX's way to slice to the end. Fits an int32. */
export const TO_THE_END = 0x7fff_ffff;

/** The part of one axis that a slice takes. */
interface AxisSlice {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  /** Only the element at `start` is taken, and the axis is removed. */
  readonly shrunk: boolean;
}

/** Emits one node named `name` after `input`. */
type Stage = (name: string, input: string) => string;

/**
 * NumPy's `x[1:3, newaxis, ::2, 0]`, given as begin, end and strides, and one bit per position for each omitted or
 * special one. Up to three nodes: a slice, then removed axes, then added axes.
 */
export function stridedSlice(node: TfNode, graph: GraphBuilder): Value[] {
  const { axes, added } = readPlaces(node, graph);
  const prefix = `${node.name}/slice`;
  const shrunk = axes.flatMap((axis, i) => (axis.shrunk ? [i] : []));
  const stages: Stage[] = [];
  if (added.length === 0 || axes.some(takesLess)) stages.push(slicing(axes, prefix, graph));
  if (shrunk.length > 0) {
    stages.push((name, input) => graph.emit('Squeeze', name, [input, graph.int64(`${prefix}/shrunk`, shrunk)]));
  }
  if (added.length > 0) {
    stages.push((name, input) => graph.emit('Unsqueeze', name, [input, graph.int64(`${prefix}/added`, added)]));
  }
  const names = [prefix, `${prefix}/squeezed`].slice(0, stages.length - 1);
  const input = graph.inSource(graph.input(node, 0));
  return source(stages.reduce((value, stage, i) => stage(names[i] ?? node.name, value), input));
}

/** The part taken of each input axis, and the new axes of the output. */
function readPlaces(node: TfNode, graph: GraphBuilder): { axes: AxisSlice[]; added: number[] } {
  if (intAttribute(node, 'ellipsis_mask', 0) !== 0) throw unsupported(node, 'an ellipsis is not known');
  const masked = (name: string, place: number): boolean => ((intAttribute(node, name, 0) >> place) & 1) === 1;
  const [begin, end, steps] = [graph.integers(node, 1), graph.integers(node, 2), graph.integers(node, 3)];
  const axes: AxisSlice[] = [];
  const added: number[] = [];
  let outputAxis = 0;
  begin.forEach((first, place) => {
    if (masked('new_axis_mask', place)) {
      added.push(outputAxis++);
      return;
    }
    const step = steps[place] ?? 1;
    if (step <= 0) throw unsupported(node, 'steps must be positive');
    const start = masked('begin_mask', place) ? 0 : first;
    const shrunk = masked('shrink_axis_mask', place);
    const last = masked('end_mask', place) ? TO_THE_END : (end[place] ?? TO_THE_END);
    axes.push({ start, end: shrunk ? behind(start) : last, step, shrunk });
    if (!shrunk) outputAxis++;
  });
  return { axes, added };
}

// A shrunk axis takes the one element at `begin` and ignores `end`; the index after −1 is the end of the axis.
function behind(start: number): number {
  return start === -1 ? TO_THE_END : start + 1;
}

function takesLess({ start, end, step }: AxisSlice): boolean {
  return start !== 0 || end !== TO_THE_END || step !== 1;
}

function slicing(axes: readonly AxisSlice[], prefix: string, graph: GraphBuilder): Stage {
  const bounds = { starts: axes.map((axis) => axis.start), ends: axes.map((axis) => axis.end) };
  const lists = { ...bounds, axes: axes.map((_, i) => i), steps: axes.map((axis) => axis.step) };
  return (name, input) => {
    const inputs = Object.entries(lists).map(([list, values]) => graph.int64(`${prefix}/${list}`, values));
    return graph.emit('Slice', name, [input, ...inputs]);
  };
}
