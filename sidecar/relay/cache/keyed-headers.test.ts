import test from 'ava';
import { isShareable } from './keyed-headers.ts';

const OPEN = { 'content-type': 'application/json' };

test('an answer that varies on a header outside the key is not shared', (t) => {
  for (const vary of [
    '*',
    ' * ',
    'Accept-Encoding, *',
    'User-Agent',
    'USER-AGENT',
    'accept,user-agent',
    'Origin , X-Forwarded-For',
    ['Accept', 'Traceparent'],
    ['Origin', '*'],
    ['Origin', 'Host, X-Request-Id'],
  ])
    for (const isVerified of [false, true])
      t.false(isShareable(200, { ...OPEN, vary } as never, isVerified), String(vary));
});

test('an answer that varies on what is in the key is shared', (t) => {
  for (const vary of [
    undefined,
    '',
    'Origin',
    'Accept-Encoding',
    'accept, X-Tenant,Cookie',
    ['Host', 'Accept-Language'],
  ])
    for (const isVerified of [false, true])
      t.true(isShareable(200, { ...OPEN, ...(vary !== undefined && { vary }) } as never, isVerified), String(vary));
});

test('the token is not in the key of a verified request; a request without credentials has none', (t) => {
  for (const vary of ['Authorization', 'origin, AUTHORIZATION']) {
    t.false(isShareable(200, { ...OPEN, vary }, true));
    t.true(isShareable(200, { ...OPEN, vary }, false));
  }
});

test('only a 200 is shared that is for more than one client', (t) => {
  t.true(isShareable(200, { ...OPEN, 'cache-control': 'no-cache, no-transform' }, false));
  for (const status of [202, 206, 400, 401, 403, 500]) t.false(isShareable(status, OPEN, false), String(status));
  for (const value of ['no-store', 'max-age=5, PRIVATE', 'private="set-cookie"'])
    t.false(isShareable(200, { ...OPEN, 'cache-control': value }, false), value);
  t.false(isShareable(200, { ...OPEN, 'set-cookie': ['a=1'] }, false));
});
