import { fromMessage } from './from-message.ts';
import { messageType, TYPE_URL_PREFIX } from './schema.ts';
import { encodeMessage } from './to-message.ts';

export { RESOURCE_TYPE, TYPE_URL_PREFIX } from './schema.ts';
export { packPart } from './to-message.ts';
export { SchemaError } from './schema-error.ts';
export { fromStruct, toStruct, type Json, type Struct } from './struct.ts';

/** A packed message as it stands on the wire. */
export interface Any {
  type_url: string;
  value: Uint8Array;
}
/** An Any in JSON form. */
export interface TypedJson {
  '@type': string;
  [field: string]: unknown;
}

/**
 * Encodes `object` (Envoy's JSON form, snake_case; shapes in proto/README.md) as message `typeName`, e.g. `envoy.config.cluster.v3.Cluster`.
 * Equal content gives equal bytes. Throws SchemaError naming the path of whatever would not arrive.
 */
export function encode(typeName: string, object: object): Buffer {
  const type = messageType(typeName);
  const bytes = encodeMessage(type, object, type.name);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The object in Envoy's JSON form; unknown fields are ignored, absent ones left out. */
export function decode<T = Record<string, unknown>>(typeName: string, bytes: Uint8Array): T {
  const type = messageType(typeName);
  return fromMessage(type, type.decode(bytes) as unknown as Record<string, unknown>) as T;
}

/** An extension's configuration, to be put where Envoy expects an Any. Types that proto/xds lacks travel as xds.type.v3.TypedStruct. */
export function typed(type: string, value: object = {}): TypedJson {
  return { '@type': type.startsWith(TYPE_URL_PREFIX) ? type : TYPE_URL_PREFIX + type, ...value };
}

/** A resource packed for the ADS stream. */
export function pack(typeUrl: string, object: object): Any {
  return { type_url: typeUrl, value: encode(typeUrl.slice(TYPE_URL_PREFIX.length), object) };
}

export function unpack<T = Record<string, unknown>>(any: Any): T {
  return decode<T>(any.type_url.slice(TYPE_URL_PREFIX.length), any.value);
}
