import { readFileSync } from 'node:fs';
import test from 'ava';
import protobuf from 'protobufjs';
import { ensureEnvoy } from '../../deploy/setup/binaries.ts';
import { readEnvoyDescriptors } from './testing/envoy-descriptors.ts';
import { everyMessage, packedType } from './schema.ts';

test('every message, field number, type and enum value of ours is the one compiled into the Envoy that runs', async (t) => {
  const envoy = readEnvoyDescriptors(readFileSync(await ensureEnvoy()));
  let fields = 0;
  for (const message of everyMessage()) {
    const name = message.fullName.slice(1);
    if (name.startsWith('holdfast.')) continue;
    const theirs = envoy.messages.get(name);
    if (!theirs) {
      t.fail(`Envoy has no message ${name}`);
      continue;
    }
    for (const field of message.fieldsArray) {
      const their = theirs.get(field.name);
      if (!their) {
        t.fail(`Envoy has no ${name}.${field.name}`);
        continue;
      }
      fields++;
      t.is(field.id, their.number, `${name}.${field.name}`);
      if (field instanceof protobuf.MapField) {
        const entry = envoy.messages.get(their.type)!;
        t.is(entry.get('key')!.type, field.keyType, `${name}.${field.name} key`);
        t.is(
          entry.get('value')!.type,
          packedType(field)?.fullName.slice(1) ?? typeName(field),
          `${name}.${field.name} value`,
        );
      } else {
        t.is(typeName(field), their.type, `${name}.${field.name}`);
        t.is(field.repeated, their.isRepeated, `${name}.${field.name}`);
      }
      if (field.resolvedType instanceof protobuf.Enum) {
        const values = envoy.enums.get(typeName(field))!;
        for (const [label, number] of Object.entries(field.resolvedType.values))
          t.is(values.get(label), number, `${typeName(field)}.${label}`);
      }
    }
  }
  t.true(fields > 600, `${fields} fields compared`);
});

const typeName = (field: protobuf.Field) => field.resolvedType?.fullName.slice(1) ?? field.type;
