// Python types from JSON Schema: TypedDict for objects, Literal for fixed values. Python 3.9 has no NotRequired, so
// optional keys are in a class of their own.

/** Keywords that describe, or limit values, but do not change the type. */
const NOT_A_TYPE = /^(?:title|description|default|pattern|format|min|max|exclusiveM|propertyNames|\$schema|\$defs)/;
const SIMPLE = { string: 'str', integer: 'int', number: 'float', boolean: 'bool', null: 'None' };
/** Words of Python that are keys here. */
const KEYWORDS = new Set(['from']);
const WIDTH = 120;
/** So many keys that all members of a union have are written once. */
const COMMON_KEYS = 3;

/** `putCamera` → `PutCamera`, `max_picture` and `best-effort` → `MaxPicture`, `BestEffort`. */
export function pascal(name) {
  return name.replaceAll(/(?:^|[_-])(\w)/g, (_, letter) => letter.toUpperCase());
}

/** The same text for schemas of the same type. */
function identityOf(schema) {
  return JSON.stringify(schema, (key, value) => {
    if (key === '$ref') return 'any';
    return key === '$defs' || (NOT_A_TYPE.test(key) && typeof value !== 'object') ? undefined : value;
  });
}

/** Definitions of Python types, in the order in which they need each other. */
export class PythonTypes {
  /** Name → text of the definition. */
  #definitions = new Map();
  /** Identity of a schema → its name. */
  #names = new Map();
  /** Base classes of the unions that are being defined → their keys. */
  #bases = new Map();
  #wanted;

  /** @param wanted Schema → name, for those that have one. All others are named after the place where they are used. */
  constructor(wanted) {
    this.#wanted = new Map(wanted.map(([schema, name]) => [identityOf(schema), name]));
  }

  /** Names defined so far, and texts. */
  get definitions() {
    return this.#definitions;
  }

  /** The type expression of a schema. @param place A name for it, if it needs one. */
  of(schema, place) {
    if (schema.$ref !== undefined || Object.keys(schema).every((key) => NOT_A_TYPE.test(key))) return 'Any';
    if (schema.const !== undefined) return literal([schema.const]);
    if (schema.enum) return literal(schema.enum);
    const options = schema.anyOf ?? schema.oneOf;
    if (options) return this.#union(schema, options, place);
    if (Array.isArray(schema.type)) return union(schema.type.map((type) => this.of({ ...schema, type }, place)));
    if (schema.type === 'array') return `List[${this.of(schema.prefixItems?.[0] ?? (schema.items || {}), place)}]`;
    return schema.type === 'object' ? this.#object(schema, place) : SIMPLE[schema.type];
  }

  #union(schema, options, place) {
    const objects = options.filter(({ type, properties }) => type === 'object' && properties);
    if (objects.length < 2) return union(options.map((option) => this.of(option, place)));
    return this.#named(schema, place, (name) => {
      const base = this.#commonBase(name, objects);
      const members = options.map((option, i) => this.of(option, `${name}${kindOf(option) ?? i + 1}`));
      this.#bases.delete(base);
      return wrapped(`${name} = ${union(members)}\n`);
    });
  }

  /** A class of the keys that all members of a union have; undefined for a few. */
  #commonBase(name, objects) {
    const [{ properties }] = objects;
    const isShared = (key) =>
      objects.every(
        (one) => one.required?.includes(key) && identityOf(one.properties[key]) === identityOf(properties[key]),
      );
    const keys = Object.keys(properties).filter((key) => isShared(key));
    if (keys.length < COMMON_KEYS) return undefined;
    const base = `_${name}`;
    const fields = keys.map((key) => [key, this.of(properties[key], `${name}${pascal(key)}`)]);
    this.#definitions.set(base, dictClass(base, 'TypedDict', fields));
    this.#bases.set(base, keys);
    return base;
  }

  #object(schema, place) {
    const { properties, additionalProperties } = schema;
    if (properties && Object.keys(properties).length > 0)
      return this.#named(schema, place, (name) => this.#typedDict(name, schema));
    const values = typeof additionalProperties === 'object' ? this.of(additionalProperties, place) : 'Any';
    return `Dict[str, ${values}]`;
  }

  /** @param define Gives the text of the definition, after those that it needs. */
  #named(schema, place, define) {
    const identity = identityOf(schema);
    const known = this.#names.get(identity);
    if (known) return known;
    const name = this.#wanted.get(identity) ?? place;
    const text = define(name);
    if (this.#definitions.has(name)) throw new Error(`two Python types have the name ${name}`);
    this.#names.set(identity, name);
    this.#definitions.set(name, text);
    return name;
  }

  #typedDict(name, { properties, required = [] }) {
    const keys = Object.keys(properties);
    const typeOf = (key) => this.of(properties[key], `${name}${pascal(key)}`);
    const fields = keys.map((key) => [key, typeOf(key), required.includes(key)]);
    if (keys.some((key) => !/^[a-z]\w*$/.test(key) || KEYWORDS.has(key))) return functional(name, fields);
    const [common, own] = [...this.#bases].find(([, names]) => names.every((key) => required.includes(key))) ?? [];
    const must = fields.filter(([key, , isRequired]) => isRequired && !own?.includes(key));
    const may = fields.filter(([, , isRequired]) => !isRequired);
    if (may.length === 0) return dictClass(name, common ?? 'TypedDict', must);
    if (must.length === 0) return dictClass(name, 'TypedDict, total=False', may);
    const base = `_${name}`;
    return `${dictClass(base, common ?? 'TypedDict', must)}\n\n${dictClass(name, `${base}, total=False`, may)}`;
  }
}

/** The fixed value by which a member of a union is recognised. */
function kindOf({ properties = {} }) {
  const kind = Object.values(properties).find((property) => typeof property.const === 'string')?.const;
  return kind && pascal(kind);
}

function dictClass(name, bases, fields) {
  return `class ${name}(${bases}):\n${fields.map(([key, type]) => wrapped(`    ${key}: ${type}\n`)).join('')}`;
}

/** For keys that are no names in Python. If one of them may be absent, all may. */
function functional(name, fields) {
  const lines = fields.map(([key, type]) => `        ${JSON.stringify(key)}: ${type},\n`);
  const total = fields.every(([, , isRequired]) => isRequired) ? ')\n' : '    total=False,\n)\n';
  return `${name} = TypedDict(\n    "${name}",\n    {\n${lines.join('')}    },\n${total}`;
}

function literal(values) {
  return `Literal[${values.map((value) => (value === true ? 'True' : JSON.stringify(value))).join(', ')}]`;
}

function union(types) {
  const all = [...new Set(types)];
  const some = all.filter((type) => type !== 'None');
  const joined = some.length === 1 ? some[0] : `Union[${some.join(', ')}]`;
  return some.length < all.length ? `Optional[${joined}]` : joined;
}

/** Breaks a line that is too long inside its outermost brackets. */
export function wrapped(line) {
  if (line.trimEnd().length <= WIDTH) return line;
  const indent = /^ */.exec(line)[0];
  const open = line.search(/[[(]/) + 1;
  const { parts, end } = topLevel(line, open);
  const inside = parts.map((part) => wrapped(`${indent}    ${part},\n`));
  return `${line.slice(0, open)}\n${inside.join('')}${indent}${line.slice(end)}`;
}

/** The parts between commas, and where the closing bracket is. @param open Behind the opening one. */
function topLevel(line, open) {
  const parts = [''];
  let depth = 0;
  for (let at = open; ; at += 1) {
    const character = line[at];
    if ('[({'.includes(character)) depth += 1;
    if ('])}'.includes(character)) depth -= 1;
    if (depth < 0) return { parts: parts.map((part) => part.trim()), end: at };
    if (depth === 0 && character === ',') parts.push('');
    else parts[parts.length - 1] += character;
  }
}
