/** google.protobuf.Struct as grpc messages carry it, and plain JSON. */
export interface Struct {
  fields: Record<string, StructValue>;
}
export interface StructValue {
  null_value?: number | string;
  number_value?: number;
  string_value?: string;
  bool_value?: boolean;
  struct_value?: Struct;
  list_value?: { values: StructValue[] };
}
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Keys sorted, so that equal content gives equal bytes. `undefined` members are left out, as JSON does. */
export function toStruct(json: object): Struct {
  const fields: Record<string, StructValue> = {};
  for (const key of Object.keys(json).sort()) {
    const value: unknown = json[key as keyof typeof json];
    if (value !== undefined) fields[key] = toStructValue(value, key);
  }
  return { fields };
}

export function toStructValue(json: unknown, path = 'value'): StructValue {
  if (json === null) return { null_value: 0 };
  if (typeof json === 'number' && Number.isFinite(json)) return { number_value: json };
  if (typeof json === 'string') return { string_value: json };
  if (typeof json === 'boolean') return { bool_value: json };
  if (Array.isArray(json))
    return { list_value: { values: json.map((item, index) => toStructValue(item, `${path}[${index}]`)) } };
  if (typeof json === 'object' && !ArrayBuffer.isView(json)) return { struct_value: toStruct(json) };
  throw new TypeError(`${path}: ${typeof json} has no place in JSON`);
}

export function fromStruct(struct: Struct | null | undefined): { [key: string]: Json } {
  const json: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(struct?.fields ?? {})) json[key] = fromStructValue(value);
  return json;
}

/** Reads decoded messages too: those have unset members on their prototype, so only own ones count. */
export function fromStructValue(value: StructValue): Json {
  const own = <K extends keyof StructValue>(key: K) => (Object.hasOwn(value, key) ? value[key] : undefined);
  const struct = own('struct_value'),
    list = own('list_value');
  if (struct) return fromStruct(struct);
  if (list) return (list.values ?? []).map(fromStructValue);
  return own('string_value') ?? own('number_value') ?? own('bool_value') ?? null;
}
