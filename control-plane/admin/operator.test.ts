import test from 'ava';
import { OPERATOR_HEADER, operatorOf } from './operator.ts';

const named = (text: string | undefined): string => operatorOf({ [OPERATOR_HEADER]: text });

test('who acts is named by a header; without one it is the admin API', (t) => {
  t.is(named('alice@laptop'), 'alice@laptop');
  t.is(named(encodeURIComponent('Zoë Ödön')), 'Zoë Ödön');
  t.is(named(undefined), 'admin API');
  t.is(named('  '), 'admin API');
});

test('a name can’t be long, break lines or turn text around', (t) => {
  t.is(named('x'.repeat(500)).length, 100);
  t.is(named('a%0Ab%E2%80%AEc%1B[31m'), 'a b c [31m');
  t.is(named('100%'), '100%');
});
