import test from 'ava';
import { chooseEvents, EVENTS } from './choose-rows.ts';

test('events are chosen by parts of their names, in the order in which they are played', (t) => {
  const longOnes = ['the kubelet renews tokens'];
  t.deepEqual(
    chooseEvents(''),
    EVENTS.filter((each) => !longOnes.includes(each)),
  );
  t.deepEqual(chooseEvents('kubelet'), longOnes);
  t.deepEqual(chooseEvents('410, token of'), [
    'history is compacted behind frozen control planes (410)',
    'the token of control planes is replaced',
  ]);
  t.deepEqual(chooseEvents('injected server, short'), ['rollout of an injected server, short calls']);
  t.deepEqual(chooseEvents('no such event'), []);
  t.is(new Set(EVENTS).size, EVENTS.length);
});
