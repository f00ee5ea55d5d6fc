import test from 'ava';
import { afterRefusal } from './after-refusal.ts';

test('what a replica’s refusal of a stream means', (t) => {
  const fresh = { isFresh: true, hasEventId: false },
    held = { isFresh: false, hasEventId: false };
  for (const each of [fresh, held]) {
    t.is(afterRefusal(405, each), 'none-here');
    t.is(afterRefusal(501, each), 'none-here');
    t.is(afterRefusal(404, each), 'probe');
    t.is(afterRefusal(400, { ...each, hasEventId: true }), 'from-now');
    t.is(afterRefusal(401, each), 'pass');
  }
  for (const status of [409, 500, 503]) {
    t.is(afterRefusal(status, held), 'wait');
    t.is(afterRefusal(status, fresh), 'pass', 'its client may still hear it');
  }
});
