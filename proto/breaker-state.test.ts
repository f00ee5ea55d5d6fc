import test from 'ava';
import {
  breakerField,
  breakerOrderWrite,
  orderField,
  readBreakerMessage,
  readBreakers,
  type BreakerOrder,
  type FleetBreaker,
} from './breaker-state.ts';

const open: FleetBreaker = { state: 'open', generation: 3, openings: 1, sinceMs: 1, untilMs: 2, by: 'gateway-1' };
const slot = { level: 'replica', key: '7' } as const,
  tool = { level: 'tool', key: 'a/b' } as const;

test('an order goes before what the gateways decided', (t) => {
  const order = (state: BreakerOrder['state']): string => JSON.stringify({ state, by: 'ann', atMs: 5 });
  const states = (hash: Record<string, string>) =>
    readBreakers('linear', hash).map(({ level, key, state, isNotClosed }) => `${level} ${key} ${state} ${isNotClosed}`);
  t.deepEqual(states({ [breakerField(slot)]: JSON.stringify(open) }), ['replica 7 open true']);
  t.deepEqual(states({ [breakerField(slot)]: JSON.stringify(open), [orderField(slot)]: order('disabled') }), [
    'replica 7 disabled false',
  ]);
  t.deepEqual(states({ [orderField(tool)]: order('forced-open') }), ['tool a/b forced-open true']);
});

test('what this version can’t read is passed over', (t) => {
  t.deepEqual(
    readBreakers('linear', {
      'replica/1': '{',
      'replica/2': '{"state":"melted"}',
      'zone/1': JSON.stringify(open),
      'replica/': JSON.stringify(open),
    }),
    [],
  );
  for (const text of ['', 'null', '{"server":"x"}', '{"server":"x","field":"zone/1","value":null}'])
    t.is(readBreakerMessage(text), undefined);
});

test('the message of an order reads as the order', (t) => {
  const order: BreakerOrder = { state: 'observe', by: 'ann', atMs: 5 };
  const write = breakerOrderWrite('linear', tool, order);
  t.is(write.hash, 'holdfast:breaker:linear');
  t.like(readBreakerMessage(write.message), { server: 'linear', entry: { ...tool, kind: 'order', order } });
  t.like(readBreakerMessage(breakerOrderWrite('linear', tool, null).message), {
    entry: { ...tool, kind: 'order', order: null },
  });
});
