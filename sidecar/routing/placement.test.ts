import test from 'ava';
import fc from 'fast-check';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { place } from './placement.ts';

const replica = (slot: string, changes: Partial<ReplicaEndpoint> = {}): ReplicaEndpoint => ({
  server: 'linear',
  replica: `r${slot}`,
  backend: 'stable',
  slot,
  address: `127.0.0.1:${3000 + Number(slot)}`,
  state: 'active',
  isSteady: true,
  weight: 100,
  ...changes,
});
const one = [{ name: 'stable', weight: 100 }];

test('of one backend the replica with the fewest sessions is taken', (t) => {
  const load = new Map([
    ['1', 5],
    ['2', 3],
    ['3', 4],
  ]);
  t.is(
    place({
      endpoints: ['1', '2', '3'].map((slot) => replica(slot)),
      backends: one,
      load: (slot) => load.get(slot) ?? 0,
      random: () => 0,
    })?.slot,
    '2',
  );
  t.is(
    place({
      endpoints: ['1', '2', '3'].map((slot) => replica(slot)),
      backends: one,
      load: (slot) => load.get(slot) ?? 0,
      excluded: new Set(['2']),
      random: () => 0,
    })?.slot,
    '3',
  );
});

test('equal replicas are taken at random, a heavier one for more sessions', (t) => {
  const endpoints = [replica('1'), replica('2')];
  t.is(place({ endpoints, backends: one, load: () => 0, random: () => 0 })?.slot, '1');
  t.is(place({ endpoints, backends: one, load: () => 0, random: () => 0.99 })?.slot, '2');
  t.is(
    place({
      endpoints: [replica('1'), replica('2', { weight: 300 })],
      backends: one,
      load: (slot) => (slot === '1' ? 1 : 4),
      random: () => 0,
    })?.slot,
    '2',
  );
});

test('backends share new sessions by weight, whatever their number of replicas', (t) => {
  const endpoints = [replica('1'), replica('2'), replica('3'), replica('4', { backend: 'canary' })];
  const backends = [
    { name: 'stable', weight: 90 },
    { name: 'canary', weight: 10 },
  ];
  let canary = 0;
  for (let i = 0; i < 1000; i += 1)
    if (place({ endpoints, backends, load: () => 0, random: () => i / 1000 })?.backend === 'canary') canary += 1;
  t.is(canary, 100);
});

test('only active replicas with a share are taken, and a backend without any leaves its share to the others', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          state: fc.constantFrom('active', 'draining', 'standby', 'unhealthy', 'lost'),
          weight: fc.nat(3),
          backend: fc.constantFrom('a', 'b'),
        }),
      ),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      fc.nat(2),
      fc.nat(2),
      (changes, point, a, b) => {
        const endpoints = changes.map((change, i) => replica(String(i), change as Partial<ReplicaEndpoint>));
        const usable = endpoints.filter((endpoint) => endpoint.state === 'active' && endpoint.weight > 0);
        const chosen = place({
          endpoints,
          backends: [
            { name: 'a', weight: a },
            { name: 'b', weight: b },
          ],
          load: () => 0,
          random: () => point,
        });
        return usable.length === 0 ? chosen === null : chosen !== null && usable.includes(chosen);
      },
    ),
  );
  t.pass();
});
