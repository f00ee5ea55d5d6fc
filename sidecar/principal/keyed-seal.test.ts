import test from 'ava';
import { KeyedDigest } from './keyed-digest.ts';

const secret = (fill: number): Buffer => Buffer.alloc(32, fill);

test('a seal is read with the same secret and about the same thing, and by nobody else', (t) => {
  const one = new KeyedDigest(secret(1));
  const sealed = one.seal('["7","slot"]', 'session a');
  t.is(one.unseal(sealed, 'session a'), '["7","slot"]');
  t.is(one.unseal(sealed, 'session b'), null);
  t.is(new KeyedDigest(secret(2)).unseal(sealed, 'session a'), null);
  t.false(Buffer.from(sealed, 'base64url').toString('latin1').includes('slot'), 'nothing in it is readable');
  t.not(one.seal('["7","slot"]', 'session a'), sealed);
});

test('what is no seal, or a changed one, is none', (t) => {
  const one = new KeyedDigest(secret(1));
  const sealed = one.seal('text', 'about');
  for (const other of ['', 'x', sealed.slice(0, -2), `A${sealed.slice(1)}`, 'é'.repeat(50), sealed.slice(4)])
    t.is(one.unseal(other, 'about'), null, other);
});

test('a seal of the secret before is still read', (t) => {
  const one = new KeyedDigest(secret(1));
  const sealed = one.seal('text', 'about');
  one.adopt(secret(2));
  t.is(one.unseal(sealed, 'about'), 'text');
});
