import test from 'ava';
import { LIMIT_KEYS, type LimitName } from '../../proto/limits.ts';
import { limitRefusal } from './limit-error.ts';

test('every refusal names the key that raises its limit, with the server where the key is a server’s', (t) => {
  for (const limit of Object.keys(LIMIT_KEYS) as LimitName[]) {
    const { message, status, code } = limitRefusal(limit, 'linear');
    t.true(message.includes(LIMIT_KEYS[limit].replace('servers[]', 'servers[linear]')), message);
    t.true([408, 413, 503].includes(status));
    t.true(code < -31000 && code > -31100);
  }
  t.regex(limitRefusal('calls_per_session', 'linear').message, /servers\[linear\]\.limits\.callsPerSession/);
});
