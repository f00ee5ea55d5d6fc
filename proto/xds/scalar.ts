import { SchemaError } from './schema-error.ts';

const INTEGER_RANGE: Record<string, readonly [bigint, bigint]> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

const isInteger = (value: unknown): value is string | number | bigint =>
  typeof value === 'bigint' || Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value));

/** A scalar as protobufjs writes it. Bytes may be base64 text, as in protobuf's JSON. 64-bit integers may be decimal text. */
export function toScalar(kind: string, value: unknown, path: string): unknown {
  const range = INTEGER_RANGE[kind];
  if (range) return toInteger(kind, range, value, path);
  if (kind === 'bytes') return toBytes(value, path);
  const type = kind === 'string' ? 'string' : kind === 'bool' ? 'boolean' : 'number';
  if (typeof value === type) return value;
  throw new SchemaError(path, `expected ${kind}, got ${show(value)}`);
}

function toInteger(kind: string, [least, most]: readonly [bigint, bigint], value: unknown, path: string) {
  if (!isInteger(value)) throw new SchemaError(path, `expected ${kind}, got ${show(value)}`);
  const integer = BigInt(value);
  if (integer < least || integer > most) throw new SchemaError(path, `${integer} does not fit ${kind}`);
  return kind.endsWith('64') ? String(integer) : Number(integer);
}

function toBytes(value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) return Buffer.from(value, 'base64');
  throw new SchemaError(path, `expected bytes, got ${show(value)}`);
}

export function show(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `${typeof value} ${JSON.stringify(String(value)).slice(0, 40)}`;
}

/** protobufjs gives 64-bit integers as Long; numbers where they fit exactly, else decimal text. */
export function fromInteger(value: unknown): number | string {
  const number = Number(String(value));
  return Number.isSafeInteger(number) ? number : String(value);
}
