import test from 'ava';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { expiryOf } from './stream-expiry.ts';

const claims = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const policy = (jwt?: object) => ({ policy: serverPolicySchema.parse({ name: 's', ...(jwt && { jwt }) }) });

test('a stream ends with the token that Envoy verified; one that nobody verified, or that never ends, says nothing', (t) => {
  const shown = { authorization: null, claims: claims({ sub: 'a', exp: 1_900_000_000 }) };
  t.is(expiryOf(shown, policy({ issuer: 'i' })), 1_900_000_000_000);
  t.is(expiryOf(shown, policy()), null);
  for (const other of [{ sub: 'a' }, { sub: 'a', exp: '1' }, { sub: 'a', exp: null }, []])
    t.is(expiryOf({ authorization: null, claims: claims(other) }, policy({ issuer: 'i' })), null);
});
