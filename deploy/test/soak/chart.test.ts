import test from 'ava';
import { chart } from './chart.ts';
import { isNotFound } from './crowd.ts';
import { faultOf } from './faults.ts';
import type { Curve } from './samples.ts';

const curve = (figure: Curve['figure'], name: string, values: readonly number[]): Curve => ({
  figure,
  name,
  pid: 1,
  points: values.map((value, at) => ({ atMs: at * 1000, value })),
});

test('each figure has a panel, each process a line and a name, each rare fault a mark', (t) => {
  const svg = chart(
    [
      curve('RSS, MiB', 'gateway-1 envoy', [10, 20]),
      curve('RSS, MiB', 'a <b> & c', [30, 40]),
      curve('hangs', 'so far', [0, 0]),
    ],
    [
      { atMs: 500, kind: 'gateway' },
      { atMs: 600, kind: 'replica' },
    ],
    'a run',
  );
  const count = (pattern: RegExp): number => svg.match(pattern)?.length ?? 0;
  t.is(count(/<polyline /g), 3);
  t.is(count(/font-weight="bold">(RSS, MiB|hangs)</g), 2);
  t.is(count(/<line [^>]*><title>gateway</g), 1);
  t.true(svg.includes('a &lt;b> &amp; c'));
  t.false(/NaN|undefined|Infinity/.test(svg));
  // The greatest value is at the top of its panel, and the last one at its right edge.
  t.regex(svg, /points="60\.0,187\.5 750\.0,145\.0"/);
});

test('with turns of a minute a gateway goes each ten minutes, a rollout each thirty, Redis each hour, a replica otherwise', (t) => {
  const turns = Array.from({ length: 60 }, (_, at) => faultOf(at + 1));
  const of = (kind: string): number => turns.filter((one) => one === kind).length;
  t.deepEqual([of('replica'), of('gateway'), of('rollout'), of('redis')], [54, 4, 1, 1]);
});

test('a 404 on a session is told apart from other errors, whatever the SDK', (t) => {
  const of = (message: string): boolean => isNotFound({ kind: 'error', message });
  t.true(of('Error POSTing to endpoint (HTTP 404): {"error":{"message":"Session not found"}}'));
  t.true(of('Streamable HTTP error: Session not found'));
  t.false(of('fetch failed'));
  t.false(isNotFound({ kind: 'hang' }));
});
