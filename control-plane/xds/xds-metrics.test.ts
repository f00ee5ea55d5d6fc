import test from 'ava';
import { Registry } from 'prom-client';
import { SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { createXdsMetrics, shortType } from './xds-metrics.ts';

test('what a client says of its role and of types makes no series of its own', async (t) => {
  const registry = new Registry();
  const metrics = createXdsMetrics(registry);
  for (let i = 0; i < 100; i++) {
    metrics.connected(`evil-${i}`, 1);
    metrics.answered(shortType(`type.googleapis.com/evil.${i}`), 'nack');
  }
  metrics.connected('sidecar', 1);
  metrics.connected('', 1);
  metrics.answered('Cluster', 'ack');
  metrics.answered(shortType(SERVER_POLICY_TYPE), 'ack');
  const text = await registry.metrics();
  t.false(text.includes('evil'));
  t.regex(text, /connected_streams\{role="sidecar"\} 1/);
  t.regex(text, /connected_streams\{role="unknown"\} 101/);
  t.regex(text, /answers_total\{type="other",answer="nack"\} 100/);
  t.regex(text, /answers_total\{type="ServerPolicy",answer="ack"\} 1/);
});
