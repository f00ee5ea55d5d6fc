import { readFileSync } from 'node:fs';
import test from 'ava';
import { gatewayLimitsSchema, LIMIT_KEYS, serverLimitsSchema, type LimitName } from '../../proto/limits.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { sharedSettingsSchema } from '../../proto/settings.ts';

const text = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8');
const rows = new Map(
  [...text.matchAll(/^\| `(\w+)` \| ([^|]*) \| `([^`]*)` \| ([^|]*) \|$/gm)].map(([, name, value, key]) => [
    name,
    { value: value ?? '', key },
  ]),
);

/** The default below a key; of a rate its first number. */
function defaultOf(key: string): number {
  const defaults: Record<string, unknown> = {
    gateway: { limits: gatewayLimitsSchema.parse({}) },
    'servers[]': { ...serverPolicySchema.parse({ name: 'x' }), limits: serverLimitsSchema.parse({}) },
    sessionStore: sharedSettingsSchema.parse({}).sessionStore,
  };
  let value: unknown = defaults;
  for (const part of key.split('.')) value = (value as Record<string, unknown>)[part];
  return typeof value === 'object' && value !== null ? Number(Object.values(value)[0]) : Number(value);
}

test('docs/limits.md has one row for each limit, with its key and its default', (t) => {
  t.deepEqual([...rows.keys()].toSorted(), Object.keys(LIMIT_KEYS).toSorted());
  for (const [name, key] of Object.entries(LIMIT_KEYS) as [LimitName, string][]) {
    t.is(rows.get(name)?.key, key);
    const written = Number(/^[\d,]+/.exec(rows.get(name)?.value ?? '')?.[0].replaceAll(',', ''));
    t.is(written, defaultOf(key), name);
  }
});
