import test from 'ava';
import fc from 'fast-check';
import { Histogram as Reference, Registry, type OpenMetricsContentType } from 'prom-client';
import { Histogram } from './histogram.ts';

const BUCKETS = [0.001, 0.01, 0.1, 1];
const own = {
  name: 'test_seconds',
  help: 'For a test.',
  labelNames: ['method', 'server_id'] as const,
  buckets: BUCKETS,
};
/** Exemplars need a registry whose first format is OpenMetrics. */
function openMetrics(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}
/** Exemplars carry the time at which they were seen. */
const withoutTimes = (text: string): string => text.replaceAll(/(# \{[^}]*\} \S+) \S+$/gm, '$1');

const seen = fc.record({
  method: fc.constantFrom('tools/call', 'ping', 'say "it"\n'),
  server: fc.constantFrom('a', 'b'),
  traceId: fc.option(fc.constantFrom('0af7651916cd43dd8448eb211c80319c', 'ffff651916cd43dd8448eb211c80319c')),
  value: fc.oneof(fc.double({ min: 0, max: 3, noNaN: true }), fc.constantFrom(...BUCKETS)),
});

test('what was seen reads as prom-client’s own histogram of it, in both formats', async (t) => {
  let most = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(seen, { minLength: 1, maxLength: 40 }), async (all) => {
      const mine = openMetrics(),
        theirs = openMetrics();
      const histogram = new Histogram({ ...own, registry: mine as unknown as Registry }),
        reference = new Reference({ ...own, enableExemplars: true, registers: [theirs as unknown as Registry] });
      for (const { method, server, value, traceId } of all) {
        histogram.at(method, server).observe(value, traceId);
        // Its types know the exemplar's labels as the metric's.
        reference.observe({
          labels: { method, server_id: server },
          value,
          exemplarLabels: (traceId === null ? {} : { trace_id: traceId }) as never,
        });
      }
      most = Math.max(most, all.length);
      for (const format of [Registry.OPENMETRICS_CONTENT_TYPE, Registry.PROMETHEUS_CONTENT_TYPE]) {
        for (const registry of [mine, theirs]) registry.setContentType(format as never);
        t.is(withoutTimes(await mine.metrics()), withoutTimes(await theirs.metrics()));
      }
    }),
    { numRuns: 200 },
  );
  t.true(most > 10);
});

test('a series is one, however often it is asked for; nothing that is no number gets in; it can begin anew', async (t) => {
  const registry = new Registry(),
    histogram = new Histogram({ ...own, registry });
  t.is(histogram.at('ping', 'a'), histogram.at('ping', 'a'));
  t.not(histogram.at('ping', 'a'), histogram.at('ping', 'b'));
  for (const value of [NaN, Infinity])
    t.throws(
      () => {
        histogram.at('ping', 'a').observe(value);
      },
      { instanceOf: TypeError },
    );
  histogram.at('ping', 'a').observe(0.5);
  t.regex(await registry.metrics(), /^test_seconds_count\{method="ping",server_id="a"\} 1$/m);
  registry.resetMetrics();
  t.regex(await registry.metrics(), /^test_seconds_count\{method="ping",server_id="a"\} 0$/m);
  t.throws(() => new Histogram({ ...own, registry }), { message: /already been registered/ });
});
