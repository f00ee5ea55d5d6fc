import test from 'ava';
import { KeyedDigest } from './keyed-digest.ts';

const secret = (byte: number): Buffer => Buffer.alloc(32, byte);

test('only who has the secret makes the same digest; parts can not run into each other', (t) => {
  const digest = new KeyedDigest(secret(1));
  t.regex(digest.of(['a']), /^[0-9a-f]{64}$/);
  t.is(digest.of(['a', 'b']), new KeyedDigest(secret(1)).of(['a', 'b']));
  t.not(digest.of(['a', 'b']), new KeyedDigest(secret(2)).of(['a', 'b']));
  t.not(digest.of(['a', 'bc']), digest.of(['ab', 'c']));
  t.true(digest.matches(digest.of(['a']), ['a']));
  for (const wrong of ['', 'a', digest.of(['b']), digest.of(['a']).toUpperCase(), `${digest.of(['a'])}0`])
    t.false(digest.matches(wrong, ['a']), wrong);
});

test('what was named with a former secret is recognised; the third one back is forgotten', (t) => {
  const digest = new KeyedDigest(secret(1)),
    first = digest.of(['a']);
  digest.adopt(secret(1));
  digest.adopt(secret(2));
  t.not(digest.of(['a']), first);
  t.true(digest.matches(first, ['a']));
  digest.adopt(secret(3));
  t.true(digest.matches(first, ['a']));
  digest.adopt(secret(4));
  t.false(digest.matches(first, ['a']));
});
