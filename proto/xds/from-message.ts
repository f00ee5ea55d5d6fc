import protobuf from 'protobufjs';
import { findType, fullNameOf, packedType, TYPE_URL_PREFIX } from './schema.ts';
import { fromInteger } from './scalar.ts';
import { WELL_KNOWN } from './well-known.ts';

/** `unpacked`: the content of an Any, or of a field that is packed, as JSON. `packed`: its bytes. */
type AnyForm = 'unpacked' | 'packed';

/** A decoded message in Envoy's JSON form: only what was on the wire, enums by name, well-known types in their short form. */
export function fromMessage(
  type: protobuf.Type,
  message: Record<string, unknown>,
  anyForm: AnyForm = 'unpacked',
): unknown {
  if (fullNameOf(type) === '.google.protobuf.Any')
    return fromAny(message as { type_url?: string; value?: Uint8Array }, anyForm);
  const wellKnown = WELL_KNOWN.get(fullNameOf(type));
  if (wellKnown) return wellKnown.fromMessage(message);
  const json: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    if (!Object.hasOwn(message, field.name)) continue;
    const value = message[field.name];
    if (field instanceof protobuf.MapField) {
      const entries = Object.entries(value as Record<string, unknown>);
      if (entries.length > 0)
        json[field.name] = Object.fromEntries(entries.map(([key, item]) => [key, fromSingle(field, item, anyForm)]));
    } else if (field.repeated) {
      if ((value as unknown[]).length > 0)
        json[field.name] = (value as unknown[]).map((item) => fromSingle(field, item, anyForm));
    } else json[field.name] = fromSingle(field, value, anyForm);
  }
  return json;
}

function fromSingle(field: protobuf.Field, value: unknown, anyForm: AnyForm): unknown {
  const packs = packedType(field);
  if (packs) {
    const bytes = value as Uint8Array;
    if (anyForm === 'packed') return Buffer.from(bytes);
    return fromMessage(packs, packs.decode(bytes) as unknown as Record<string, unknown>);
  }
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) return fromMessage(type, value as Record<string, unknown>, anyForm);
  if (type instanceof protobuf.Enum) return type.valuesById[value as number] ?? value;
  if (field.type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  return /64$/.test(field.type) ? fromInteger(value) : value;
}

function fromAny(any: { type_url?: string; value?: Uint8Array }, anyForm: AnyForm): unknown {
  const url = any.type_url ?? '',
    bytes = any.value ?? new Uint8Array();
  if (url === '' && bytes.length === 0) return {};
  const type = anyForm === 'packed' ? undefined : findType(url.slice(TYPE_URL_PREFIX.length));
  if (!type) return { type_url: url, value: Buffer.from(bytes) };
  const content = fromMessage(type, type.decode(bytes) as unknown as Record<string, unknown>);
  if (fullNameOf(type) === '.xds.type.v3.TypedStruct') {
    const inner = content as { type_url: string; value?: object };
    return { '@type': inner.type_url, ...inner.value };
  }
  return WELL_KNOWN.has(fullNameOf(type)) ? { '@type': url, value: content } : { '@type': url, ...(content as object) };
}
