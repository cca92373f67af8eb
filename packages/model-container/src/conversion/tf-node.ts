import { VigiaError } from '@vigia/base';

/** Character codes, or base64. */
export type TfString = readonly number[] | string;

/**
 * The value of a node's attribute in `model.json` (a `tensorflow.AttrValue` as JSON), limited to the members in use.
 */
export interface TfAttribute {
  readonly i?: string | number;
  readonly f?: number;
  readonly b?: boolean;
  readonly s?: TfString;
  /** Name of a `tensorflow.DataType`. */
  readonly type?: string;
  readonly list?: { readonly i?: readonly (string | number)[]; readonly s?: readonly TfString[] };
}

/** One node of the source graph. An input is `node`, `node:output` or `^node` (order only). */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, TfAttribute>>;
}

/** A reference to one output of a node. */
export interface TfReference {
  readonly node: string;
  readonly output: number;
}

/** Splits `name` or `name:2`. */
export function parseReference(text: string): TfReference {
  const colon = text.lastIndexOf(':');
  return colon < 0 ? { node: text, output: 0 } : { node: text.slice(0, colon), output: Number(text.slice(colon + 1)) };
}

/** The node's data inputs. Control inputs only order side effects, of which these graphs have none. */
export function dataInputs(node: TfNode): TfReference[] {
  return (node.input ?? []).filter((input) => !input.startsWith('^')).map(parseReference);
}

/** An integer attribute, or `fallback`. */
export function intAttribute(node: TfNode, name: string, fallback: number): number {
  const value = node.attr?.[name]?.i;
  return value === undefined ? fallback : Number(value);
}

/** A list of integers; empty when absent. */
export function intsAttribute(node: TfNode, name: string): number[] {
  return (node.attr?.[name]?.list?.i ?? []).map(Number);
}

/** A string attribute, or `fallback`. */
export function stringAttribute(node: TfNode, name: string, fallback: string): string {
  const value = node.attr?.[name]?.s;
  return value === undefined ? fallback : decodeString(value);
}

/** A list of strings; empty when absent. */
export function stringsAttribute(node: TfNode, name: string): string[] {
  return (node.attr?.[name]?.list?.s ?? []).map(decodeString);
}

/** A boolean attribute; false when absent. */
export function boolAttribute(node: TfNode, name: string): boolean {
  return node.attr?.[name]?.b ?? false;
}

/** The name of a type attribute, such as `DT_FLOAT`; empty when absent. */
export function typeAttribute(node: TfNode, name: string): string {
  return node.attr?.[name]?.type ?? '';
}

function decodeString(value: TfString): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('latin1') : String.fromCharCode(...value);
}

/** The error for a node that cannot be converted: names operation and node. */
export function unsupported(node: TfNode, why: string): VigiaError<'conversion'> {
  return new VigiaError('conversion', `operation '${node.op}' of node '${node.name}' cannot be converted: ${why}`);
}
