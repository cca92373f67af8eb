import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

const FILE = fileURLToPath(new URL('../../../testkit/open-inference/open_inference_rest.yaml', import.meta.url));

interface Schema {
  required?: string[];
}

/**
 * The schemas of the protocol. The binary tensor extension replaces `data` by `binary_data_size` bytes after the JSON,
 * so tensors need not have it; everything else is as published.
 */
function schemas(): Record<string, Schema> {
  const { components } = parse(readFileSync(FILE, 'utf8')) as { components: { schemas: Record<string, Schema> } };
  for (const name of ['request_input', 'response_output']) {
    const schema = components.schemas[name];
    if (schema?.required) schema.required = schema.required.filter((key) => key !== 'data');
  }
  return components.schemas;
}

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: 'open-inference', components: { schemas: schemas() } });

/** The problem of a message, by the protocol's own schema. Tensors must have either data or bytes. */
export function protocolErrors(schema: string, message: unknown): string[] {
  const validate = ajv.getSchema(`open-inference#/components/schemas/${schema}`);
  if (!validate) throw new Error(`the protocol has no ${schema}`);
  if (!validate(message)) return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  const { inputs = [], outputs = [] } = message as Record<'inputs' | 'outputs', Tensor[] | undefined>;
  const tensors = schema === 'inference_request' ? inputs : schema === 'inference_response' ? outputs : [];
  return tensors
    .filter(({ data, parameters }) => (data === undefined) === (parameters?.binary_data_size === undefined))
    .map(({ name }) => `${name}: either data or binary_data_size is expected`);
}

interface Tensor {
  readonly name: string;
  readonly data?: unknown;
  readonly parameters?: { readonly binary_data_size?: number };
}
