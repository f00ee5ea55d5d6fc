import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

/** What Envoy itself says of one field. `type` is protobuf's name for scalars, the full name for messages and enums. */
export interface EnvoyField {
  name: string;
  number: number;
  type: string;
  isRepeated: boolean;
}
export interface EnvoyDescriptors {
  messages: Map<string, Map<string, EnvoyField>>;
  enums: Map<string, Map<string, number>>;
}

const SCALAR = [
  '',
  'double',
  'float',
  'int64',
  'uint64',
  'int32',
  'fixed64',
  'fixed32',
  'bool',
  'string',
  'group',
  'message',
  'bytes',
  'uint32',
  'enum',
  'sfixed32',
  'sfixed64',
  'sint32',
  'sint64',
];
const PREFIXES = ['envoy/', 'xds/', 'google/rpc/', 'google/protobuf/', 'opentelemetry/proto/'];
const LENGTH_DELIMITED = 2;

interface RawField {
  name: string;
  number: number;
  type: number;
  label: number;
  typeName?: string;
}
interface RawMessage {
  name: string;
  field: RawField[];
  nestedType: RawMessage[];
  enumType: RawEnum[];
}
interface RawEnum {
  name: string;
  value: { name: string; number: number }[];
}
interface RawFile {
  package: string;
  messageType: RawMessage[];
  enumType: RawEnum[];
}

/**
 * The descriptors that protobuf's C++ generator compiles into every binary, read out of the file. They have the field
 * numbers of exactly the Envoy that runs.
 */
export function readEnvoyDescriptors(binary: Buffer): EnvoyDescriptors {
  const found: EnvoyDescriptors = { messages: new Map(), enums: new Map() };
  for (const prefix of PREFIXES) {
    for (let at = binary.indexOf(prefix); at !== -1; at = binary.indexOf(prefix, at + 1)) {
      const length = binary[at - 1]!;
      // A file begins with its name: tag 0x0a, a length, a path that ends in .proto, and then its package (tag 0x12).
      if (
        binary[at - 2] !== 0x0a ||
        binary.toString('latin1', at + length - 6, at + length) !== '.proto' ||
        binary[at + length] !== 0x12
      )
        continue;
      const bytes = binary.subarray(at - 2, endOfFile(binary, at - 2));
      const file = descriptor.FileDescriptorProto.decode(bytes) as unknown as RawFile;
      for (const message of file.messageType) addMessage(found, file.package, message);
      for (const item of file.enumType) addEnum(found, file.package, item);
    }
  }
  return found;
}

/** FileDescriptorProto has the fields 1–14; whatever else follows does not belong to it. */
function endOfFile(binary: Buffer, start: number): number {
  const reader = protobuf.Reader.create(binary.subarray(start, start + (1 << 20)));
  let end = 0;
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32(),
        field = tag >>> 3;
      if (
        field < 1 ||
        field > 14 ||
        ((field < 9 || field === 12) !== ((tag & 7) === LENGTH_DELIMITED) && field !== 10 && field !== 11)
      )
        break;
      if (field === 1 && end > 0) break;
      reader.skipType(tag & 7);
      end = reader.pos;
    }
  } catch {
    /* Ran into what follows. */
  }
  return start + end;
}

function addMessage(found: EnvoyDescriptors, scope: string, message: RawMessage): void {
  const name = `${scope}.${message.name}`;
  found.messages.set(
    name,
    new Map(
      message.field.map((field) => [
        field.name,
        {
          name: field.name,
          number: field.number,
          isRepeated: field.label === 3,
          type: field.typeName ? field.typeName.slice(1) : SCALAR[field.type]!,
        },
      ]),
    ),
  );
  for (const nested of message.nestedType) addMessage(found, name, nested);
  for (const nested of message.enumType) addEnum(found, name, nested);
}

function addEnum(found: EnvoyDescriptors, scope: string, item: RawEnum): void {
  found.enums.set(`${scope}.${item.name}`, new Map(item.value.map((value) => [value.name, value.number])));
}
