import { createServer } from 'node:http2';
import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { gateway } from './testing/test-gateway.ts';

test('a sidecar that is busy for a moment gets every batch of the access log', async (t) => {
  const { send, envoy, nobody } = await gateway(t);
  const sidecar = createServer();
  t.teardown(() => sidecar.close());
  sidecar.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    // Longer than any timer of Envoy's that such a pause must not meet.
    setTimeout(() => stream.end(Buffer.alloc(5)), 200);
  });
  await new Promise<void>((resolve) => sidecar.listen(Number(nobody.split(':')[1]), '127.0.0.1', resolve));
  await send({}, { path: '/elsewhere' });
  const written = 'access_logs.open_telemetry_access_log.logs_written';
  const stats = await waitFor(
    async () => {
      const all = await envoy.stats('open_telemetry_access_log|upstream_rq_per_try_timeout');
      return (all[written] ?? 0) + (all['access_logs.open_telemetry_access_log.logs_dropped'] ?? 0) > 0 && all;
    },
    { what: 'a batch is delivered, or given up' },
  );
  t.like(stats, { [written]: 1, 'cluster.sidecar.upstream_rq_per_try_timeout': 0 });
});
