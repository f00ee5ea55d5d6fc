import { isDeepStrictEqual } from 'node:util';
import protobuf from 'protobufjs';
import { fromMessage } from './from-message.ts';
import { GenerationCache } from './generation-cache.ts';
import { findType, fullNameOf, messageType, packedType, TYPE_URL_PREFIX } from './schema.ts';
import { SchemaError } from './schema-error.ts';
import { show, toScalar } from './scalar.ts';
import { toStruct } from './struct.ts';
import { WELL_KNOWN } from './well-known.ts';

/** Encodes and proves that decoding gives the same. An Any inside was proven when it was packed, and is compared as bytes. */
export function encodeMessage(type: protobuf.Type, value: unknown, path: string): Uint8Array {
  const message = toMessage(type, value, path);
  const bytes = type.encode(message).finish();
  const arrived = fromMessage(type, type.decode(bytes) as unknown as Record<string, unknown>, 'packed');
  if (!isDeepStrictEqual(arrived, fromMessage(type, message, 'packed')))
    throw new SchemaError(path, 'encoding loses something: decoding gives another object');
  return withOwnMemory(bytes);
}

/** Node gives small buffers out of slabs of 64 KiB. What the control plane keeps must not keep its slab as well. */
function withOwnMemory(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.byteLength);
  own.set(bytes);
  return own;
}

/**
 * An object in Envoy's JSON form (as in its YAML files, snake_case) to what protobufjs encodes. A field that the
 * schema lacks is an error. protobufjs would drop it silently, and Envoy would run with a default that nobody chose.
 */
function toMessage(type: protobuf.Type, value: unknown, path: string): Record<string, unknown> {
  if (fullNameOf(type) === '.google.protobuf.Any') return toAny(value, path);
  const wellKnown = WELL_KNOWN.get(fullNameOf(type));
  if (wellKnown) return wellKnown.toMessage(value, path) as Record<string, unknown>;
  const source = object(value, path, type.name);
  const message: Record<string, unknown> = {};
  const taken = new Map<string, string>();
  for (const [key, item] of Object.entries(source)) {
    if (item === undefined) continue;
    const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
    if (!field)
      throw new SchemaError(
        `${path}.${key}`,
        `${fullNameOf(type).slice(1)} has no such field in proto/xds; known: ${Object.keys(type.fields).join(', ')}`,
      );
    const oneof = field.partOf && !field.options?.['proto3_optional'] ? field.partOf.name : undefined;
    if (oneof !== undefined) {
      if (taken.has(oneof))
        throw new SchemaError(`${path}.${key}`, `excludes ${taken.get(oneof)}: only one of ${oneof} may be set`);
      taken.set(oneof, key);
    }
    message[key] = toField(field, item, `${path}.${key}`);
  }
  return message;
}

function toField(field: protobuf.Field, value: unknown, path: string): unknown {
  if (field instanceof protobuf.MapField) {
    const source = object(value, path, 'map');
    // Sorted, so that equal content gives equal bytes and thereby equal versions.
    return Object.fromEntries(
      Object.keys(source)
        .sort()
        .filter((key) => source[key] !== undefined)
        .map((key) => [key, toSingle(field, source[key], `${path}[${JSON.stringify(key)}]`)]),
    );
  }
  if (!field.repeated) return toSingle(field, value, path);
  if (!Array.isArray(value)) throw new SchemaError(path, `expected a list, got ${show(value)}`);
  return value.map((item, index) => toSingle(field, item, `${path}[${index}]`));
}

function toSingle(field: protobuf.Field, value: unknown, path: string): unknown {
  const packs = packedType(field);
  if (packs) return toPacked(packs, value, path);
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) return toMessage(type, value, path);
  if (type instanceof protobuf.Enum) {
    const number =
      typeof value === 'string'
        ? type.values[value]
        : typeof value === 'number' && type.valuesById[value] !== undefined
          ? value
          : undefined;
    if (number === undefined)
      throw new SchemaError(path, `expected one of ${Object.keys(type.values).join(', ')}, got ${show(value)}`);
    return number;
  }
  return toScalar(field.type, value, path);
}

/** By the very object: what the control plane makes again only when it changed, such as the routes of one server, is encoded once. */
const encoded = new WeakMap<object, Uint8Array>();

/**
 * Encodes the content of a field that holds a packed message. What it gives stands in that field in the place of the
 * JSON, which is several times as large. The JSON can then be forgotten.
 */
export function packPart(typeName: string, value: object): object {
  const part = Object.freeze({});
  encoded.set(part, encodeMessage(messageType(typeName), value, typeName));
  return part;
}

function toPacked(type: protobuf.Type, value: unknown, path: string): Uint8Array {
  const source = object(value, path, type.name);
  const bytes = encoded.get(source) ?? encodeMessage(type, source, path);
  encoded.set(source, bytes);
  return bytes;
}

/**
 * Messages inside an Any that were packed lately, by content. A fleet's routes are one resource of a megabyte, and a
 * change touches one server's list. The other lists are taken from here (1,000 replicas, CPU per node: 140 ms without,
 * 10 ms with).
 */
const PACKED_CHARACTERS = 16 << 20;
const packed = new GenerationCache<Uint8Array>(PACKED_CHARACTERS);

/**
 * `{'@type': url, …}`: a message we know is encoded as itself. Any other goes as xds.type.v3.TypedStruct, which Envoy
 * turns into the message wherever it loads an extension. `{type_url, value: bytes}` passes unchanged; `{}` is the
 * empty Any.
 */
function toAny(value: unknown, path: string): Record<string, unknown> {
  const source = object(value, path, 'Any');
  const { '@type': url, ...rest } = source;
  if (Object.keys(source).length === 0) return {};
  if (url === undefined && typeof source['type_url'] === 'string' && source['value'] instanceof Uint8Array)
    return { type_url: source['type_url'], value: source['value'] };
  if (typeof url !== 'string' || !url.startsWith(TYPE_URL_PREFIX))
    throw new SchemaError(path, `expected an Any with "@type": "${TYPE_URL_PREFIX}…"`);
  const type = findType(url.slice(TYPE_URL_PREFIX.length));
  if (type) {
    const content = WELL_KNOWN.has(fullNameOf(type)) ? rest['value'] : rest;
    const key = `${url} ${JSON.stringify(content)}`;
    const value = packed.get(key) ?? encodeMessage(type, content, path);
    packed.set(key, value);
    return { type_url: url, value };
  }
  let struct;
  try {
    struct = toStruct(rest);
  } catch (error) {
    throw new SchemaError(path, (error as Error).message);
  }
  return {
    type_url: `${TYPE_URL_PREFIX}xds.type.v3.TypedStruct`,
    value: messageType('xds.type.v3.TypedStruct').encode({ type_url: url, value: struct }).finish(),
  };
}

function object(value: unknown, path: string, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    throw new SchemaError(path, `expected an object (${what}), got ${show(value)}`);
  return value as Record<string, unknown>;
}
