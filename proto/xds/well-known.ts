import { SchemaError } from './schema-error.ts';
import { fromInteger, show, toScalar } from './scalar.ts';
import { fromStruct, fromStructValue, toStruct, toStructValue, type Struct, type StructValue } from './struct.ts';

/** The JSON form of one well-known type: what people write on the left, what protobufjs encodes on the right. */
interface WellKnown {
  toMessage(value: unknown, path: string): object;
  fromMessage(message: Record<string, unknown>): unknown;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrapper = (kind: string): WellKnown => ({
  toMessage(value, path) {
    const bare = isPlain(value) && !(value instanceof Uint8Array) ? onlyKeys(value, ['value'], path).value : value;
    return { value: toScalar(kind, bare, path) };
  },
  fromMessage: ({ value }) => (kind.includes('int') ? fromInteger(value) : value),
});

const time = (
  read: (text: string, path: string) => [number, number],
  write: (seconds: number, nanos: number) => string,
): WellKnown => ({
  toMessage(value, path) {
    if (typeof value === 'string') {
      const [seconds, nanos] = read(value, path);
      return { seconds, nanos };
    }
    if (!isPlain(value)) throw new SchemaError(path, `expected text or {seconds, nanos}, got ${show(value)}`);
    const { seconds = 0, nanos = 0 } = onlyKeys(value, ['seconds', 'nanos'], path);
    return { seconds: toScalar('int64', seconds, `${path}.seconds`), nanos: toScalar('int32', nanos, `${path}.nanos`) };
  },
  fromMessage: ({ seconds, nanos }) => write(Number(fromInteger(seconds)), Number(nanos)),
});

/** `1s`, `0.25s`: protobuf's JSON form of a duration. */
const duration = time(
  (text, path) => {
    const [, minus, seconds, fraction = ''] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text) ?? [];
    if (seconds === undefined) throw new SchemaError(path, `expected a duration such as "0.25s", got ${show(text)}`);
    const signed = (digits: string) => (minus ? 0 - Number(digits) : Number(digits));
    return [signed(seconds), signed(fraction.padEnd(9, '0'))];
  },
  (seconds, nanos) => {
    const fraction = Math.abs(nanos).toString().padStart(9, '0').replace(/0+$/, '');
    return `${seconds < 0 || nanos < 0 ? '-' : ''}${Math.abs(seconds)}${fraction && `.${fraction}`}s`;
  },
);

const timestamp = time(
  (text, path) => {
    const ms = Date.parse(text);
    if (Number.isNaN(ms)) throw new SchemaError(path, `expected a date and time, got ${show(text)}`);
    return [Math.floor(ms / 1000), (ms - Math.floor(ms / 1000) * 1000) * 1e6];
  },
  (seconds, nanos) => new Date(seconds * 1000 + Math.floor(nanos / 1e6)).toISOString(),
);

const json = (
  make: (value: unknown) => object,
  read: (message: never) => unknown,
  fits: (value: unknown) => boolean,
  what: string,
): WellKnown => ({
  toMessage(value, path) {
    if (!fits(value)) throw new SchemaError(path, `expected ${what}, got ${show(value)}`);
    try {
      return make(value);
    } catch (error) {
      throw new SchemaError(path, (error as Error).message);
    }
  },
  fromMessage: (message) => read(message as never),
});

export const WELL_KNOWN: ReadonlyMap<string, WellKnown> = new Map<string, WellKnown>([
  ['.google.protobuf.Duration', duration],
  ['.google.protobuf.Timestamp', timestamp],
  [
    '.google.protobuf.Struct',
    json(
      (value) => toStruct(value as object),
      (message: Struct) => fromStruct(message),
      isPlain,
      'a JSON object',
    ),
  ],
  [
    '.google.protobuf.Value',
    json(
      (value) => toStructValue(value),
      (message: StructValue) => fromStructValue(message),
      () => true,
      'JSON',
    ),
  ],
  [
    '.google.protobuf.ListValue',
    json(
      (value) => ({ values: (value as unknown[]).map((item) => toStructValue(item)) }),
      (message: { values: StructValue[] }) => message.values.map(fromStructValue),
      Array.isArray,
      'a list',
    ),
  ],
  ...Object.entries({
    Double: 'double',
    Float: 'float',
    Int64: 'int64',
    UInt64: 'uint64',
    Int32: 'int32',
    UInt32: 'uint32',
    Bool: 'bool',
    String: 'string',
    Bytes: 'bytes',
  }).map(([name, kind]) => [`.google.protobuf.${name}Value`, wrapper(kind)] as [string, WellKnown]),
]);

function onlyKeys(value: Record<string, unknown>, keys: readonly string[], path: string): Record<string, unknown> {
  for (const key of Object.keys(value))
    if (!keys.includes(key)) throw new SchemaError(`${path}.${key}`, `no such field; known: ${keys.join(', ')}`);
  return value;
}
