/** How the values that a JSON Schema allows changed at one place. */
export interface SchemaChange {
  /** `query.limit`, `tags[]`; empty for the schema itself. */
  path: string;
  /** narrowed: allows less. widened: allows more. property-*: as it says. changed: can't be told. text: means the same to a validator. */
  kind: 'narrowed' | 'widened' | 'property-added' | 'property-removed' | 'changed' | 'text';
  description: string;
}

export type Schema = Record<string, unknown>;
/** `seen`: pairs of references that were compared, so that what refers to itself is compared once. */
interface Roots {
  before: Schema;
  after: Schema;
  seen: Set<string>;
}

/** Schemas nest deeper only when they refer to themselves. */
const MAX_DEPTH = 24;
/** Bounds where a greater value allows less, and where a smaller one does. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties', 'minContains'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties', 'maxContains'];
/** Keywords whose presence allows less and whose content can't be compared. */
const OPAQUE = [
  'pattern',
  'const',
  'multipleOf',
  'not',
  'allOf',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'propertyNames',
  'contains',
  'patternProperties',
  'uniqueItems',
  'format',
];
const TEXT = ['description', 'title', 'examples', 'deprecated', '$comment'];

/** All changes from one schema to the other. */
export function schemaDiff(before: unknown, after: unknown): SchemaChange[] {
  const roots = { before: asSchema(before), after: asSchema(after), seen: new Set<string>() };
  return compare(roots.before, roots.after, '', roots, 0);
}

function compare(one: Schema, other: Schema, path: string, roots: Roots, depth: number): SchemaChange[] {
  const before = resolve(one, roots.before),
    after = resolve(other, roots.after);
  if (depth > MAX_DEPTH) return [];
  if (one['$ref'] !== undefined || other['$ref'] !== undefined) {
    const references = `${String(one['$ref'])} ${String(other['$ref'])}`;
    if (roots.seen.has(references)) return [];
    roots.seen.add(references);
  } else if (same(before, after) && !hasReference(before)) return [];
  const own: Bare[] = [
    ...types(before, after),
    ...values(before, after),
    ...bounds(before, after),
    ...OPAQUE.flatMap((name) => opaque(before[name], after[name], name)),
    ...TEXT.flatMap((name): Bare[] => (same(before[name], after[name]) ? [] : [['text', `${name} changed`]])),
    ...defaults(before['default'], after['default']),
    ...['anyOf', 'oneOf'].flatMap((name) => branches(before[name], after[name], name)),
  ];
  const found = [
    ...own.map(([kind, description]): SchemaChange => ({ path, kind, description })),
    ...properties(before, after, path, roots, depth),
  ];
  if (!same(before['items'], after['items']))
    found.push(...compare(asSchema(before['items']), asSchema(after['items']), `${path}[]`, roots, depth + 1));
  return found;
}

/** Numeric bounds. A bound that is new, or closer than before, allows less. */
function bounds(before: Schema, after: Schema): Bare[] {
  return [...LOWER, ...UPPER].flatMap((name): Bare[] => {
    const was = before[name],
      is = after[name];
    if (was === is) return [];
    const isCloser = LOWER.includes(name) ? Number(is) > Number(was) : Number(is) < Number(was);
    const isTighter = was === undefined || (is !== undefined && isCloser);
    return [[isTighter ? 'narrowed' : 'widened', `${name} ${show(was)} → ${show(is)}`]];
  });
}

function opaque(was: unknown, is: unknown, name: string): Bare[] {
  if (same(was, is)) return [];
  const kind = was === undefined ? 'narrowed' : is === undefined ? 'widened' : 'changed';
  return [[kind, `${name} ${show(was)} → ${show(is)}`]];
}

const defaults = (was: unknown, is: unknown): Bare[] =>
  same(was, is) ? [] : [['changed', `default ${show(was)} → ${show(is)}`]];

type Bare = [SchemaChange['kind'], string];

function types(before: Schema, after: Schema): Bare[] {
  const was = typeSet(before['type']),
    is = typeSet(after['type']);
  if (same(was && [...was].sort(), is && [...is].sort())) return [];
  const covers = (wide: Set<string> | null, narrow: Set<string> | null) =>
    wide === null ||
    (narrow !== null && [...narrow].every((type) => wide.has(type) || (type === 'integer' && wide.has('number'))));
  const description = `type ${show(before['type'])} → ${show(after['type'])}`;
  return [[covers(is, was) ? 'widened' : 'narrowed', description]];
}

const typeSet = (type: unknown): Set<string> | null =>
  type === undefined ? null : new Set(Array.isArray(type) ? (type as string[]) : [String(type)]);

function values(before: Schema, after: Schema): Bare[] {
  const was = before['enum'],
    is = after['enum'];
  if (same(was, is)) return [];
  if (!Array.isArray(was)) return [['narrowed', `only ${show(is)} from now on`]];
  if (!Array.isArray(is)) return [['widened', 'any value from now on']];
  const gone = was.filter((value) => !is.some((each) => same(each, value))),
    fresh = is.filter((value) => !was.some((each) => same(each, value)));
  return [
    ...(gone.length ? [['narrowed', `no more ${show(gone)}`] as Bare] : []),
    ...(fresh.length ? [['widened', `also ${show(fresh)}`] as Bare] : []),
  ];
}

/** A branch more allows more, one less allows less; which one became which can't be told when both happen. */
function branches(before: unknown, after: unknown, name: string): Bare[] {
  if (same(before, after)) return [];
  if (!Array.isArray(before)) return [['narrowed', `${name} introduced`]];
  if (!Array.isArray(after)) return [['widened', `${name} removed`]];
  const gone = before.filter((branch) => !after.some((each) => same(each, branch))).length,
    fresh = after.filter((branch) => !before.some((each) => same(each, branch))).length;
  if (gone > 0 && fresh > 0) return [['changed', `${name} changed in ${Math.max(gone, fresh)} of its alternatives`]];
  return gone > 0
    ? [['narrowed', `${gone} alternative(s) of ${name} removed`]]
    : fresh > 0
      ? [['widened', `${fresh} alternative(s) of ${name} added`]]
      : [];
}

const isClosed = (schema: Schema): boolean => schema['additionalProperties'] === false;

function properties(before: Schema, after: Schema, path: string, roots: Roots, depth: number): SchemaChange[] {
  const was = asSchema(before['properties']),
    is = asSchema(after['properties']);
  const needed = new Set(list(before['required'])),
    needs = new Set(list(after['required']));
  const found: SchemaChange[] = [];
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const place = at(name);
    const own = !(name in is)
      ? removedProperty(isClosed(after), needed.has(name))
      : !(name in was)
        ? newProperty(isClosed(before), needs.has(name))
        : keptProperty(needed.has(name), needs.has(name));
    if (name in is && name in was)
      found.push(...compare(asSchema(was[name]), asSchema(is[name]), place, roots, depth + 1));
    found.push(...own.map(([kind, description]): SchemaChange => ({ path: place, kind, description })));
  }
  const rest = before['additionalProperties'],
    restAfter = after['additionalProperties'];
  if (same(rest ?? true, restAfter ?? true)) return found;
  if (isClosed(after))
    found.push({ path, kind: 'narrowed', description: 'unknown properties are refused from now on' });
  else if (isClosed(before))
    found.push({ path, kind: 'widened', description: 'unknown properties are allowed from now on' });
  else found.push(...compare(asSchema(rest), asSchema(restAfter), at('*'), roots, depth + 1));
  return found;
}

function removedProperty(isClosedNow: boolean, wasRequired: boolean): Bare[] {
  if (isClosedNow) return [['narrowed', 'removed, and unknown properties are refused']];
  return [['property-removed', wasRequired ? 'removed; it was required' : 'removed']];
}

function newProperty(wasClosed: boolean, isRequired: boolean): Bare[] {
  if (isRequired) return [['narrowed', 'new and required']];
  return [wasClosed ? ['widened', 'new where unknown properties were refused'] : ['property-added', 'new']];
}

function keptProperty(wasRequired: boolean, isRequired: boolean): Bare[] {
  if (wasRequired === isRequired) return [];
  return [isRequired ? ['narrowed', 'required from now on'] : ['widened', 'no longer required']];
}

/** Follows `$ref` within the document; a reference elsewhere stays as it is and compares by its text. */
function resolve(schema: Schema, root: Schema): Schema {
  let now = schema;
  for (let hops = 0; hops < 8 && typeof now['$ref'] === 'string' && now['$ref'].startsWith('#/'); hops++) {
    let target: unknown = root;
    for (const part of now['$ref'].slice(2).split('/'))
      target = asSchema(target)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
    const { $ref: _, ...beside } = now;
    now = { ...asSchema(target), ...beside };
  }
  return now;
}

const hasReference = (schema: Schema): boolean => JSON.stringify(schema).includes('"$ref"');

/** `true` and absent allow everything, which is what an empty schema says too. */
const asSchema = (value: unknown): Schema =>
  value === false
    ? { not: {} }
    : typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Schema)
      : {};
const list = (value: unknown): string[] => (Array.isArray(value) ? (value as string[]) : []);
const show = (value: unknown): string => {
  const text = value === undefined ? 'any' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};
const same = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  ) ?? 'undefined';
