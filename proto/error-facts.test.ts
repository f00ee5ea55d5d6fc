import test from 'ava';
import { errorFacts } from './error-facts.ts';

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
    new Error('an answer could not be read', { cause: failing(() => JSON.parse(SECRET)) }),
    Object.assign(new Error('refused'), { body: SECRET, headers: { authorization: SECRET } }),
    SECRET,
    { body: SECRET },
    null,
    undefined,
  ];
  for (const error of failures) t.false(JSON.stringify(errorFacts(error)).includes('secret'), String(error));
});

test('what helps to find the fault is there', (t) => {
  const facts = errorFacts(failing(() => JSON.parse('{')));
  t.is(facts.name, 'SyntaxError');
  t.true(facts.stack.length > 0);
  t.true(facts.stack.every((frame) => frame.startsWith('at ')));
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  t.like(errorFacts(refused), { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' });
  t.is(errorFacts(new Error('outer', { cause: refused })).cause?.code, 'ECONNREFUSED');
});

test('a message is bounded, and one of several lines puts none of them among the frames', (t) => {
  const facts = errorFacts(new Error(`${'x'.repeat(10_000)}\nsecret line\nsecond secret`));
  t.is(facts.message?.length, 300);
  t.false(facts.stack.join().includes('secret'));
});
