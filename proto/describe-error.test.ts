import test from 'ava';
import { describeError } from './describe-error.ts';

const SECRET = 'Bearer-of-a-secret';

const failing = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};

test('what was read when it failed is not among the facts', (t) => {
  const failures = [
    failing(() => JSON.parse(`{"x":${SECRET}}`)),
    failing(() => BigInt(SECRET)),
    failing(() => new URL(`//${SECRET}`)),
    failing(() => decodeURIComponent(`${SECRET}%`)),
    failing(() => Buffer.from('x').equals(SECRET as never)),
    new Error('an answer could not be read', { cause: failing(() => JSON.parse(SECRET)) }),
    new Error('outer', { cause: new Error('inner', { cause: failing(() => new URL(`//${SECRET}`)) }) }),
    Object.assign(new Error('refused'), { body: SECRET, headers: { authorization: SECRET } }),
    SECRET,
    { body: SECRET },
    null,
    undefined,
  ];
  for (const error of failures) t.false(JSON.stringify(describeError(error)).includes('secret'), String(error));
});

test('what helps to find the fault is there', (t) => {
  const facts = describeError(failing(() => JSON.parse('{')));
  t.is(facts.name, 'SyntaxError');
  t.true(facts.at.length > 0);
  t.true(facts.at.every((frame) => !frame.startsWith('at ')));
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  t.like(describeError(refused), { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' });
  t.is(describeError(new Error('outer', { cause: refused })).cause?.code, 'ECONNREFUSED');
});

test('a message is bounded, and one of several lines puts none of them among the frames', (t) => {
  const facts = describeError(new Error(`${'x'.repeat(10_000)}\nsecret line\nsecond secret`));
  t.is(facts.message.length, 300);
  t.false(facts.at.join().includes('secret'));
});
