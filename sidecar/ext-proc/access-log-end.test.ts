import { join } from 'node:path';
import { credentials, makeClientConstructor, type ClientWritableStream } from '@grpc/grpc-js';
import test from 'ava';
import { temporaryFolder } from '../../deploy/mesh/temporary-folder.ts';
import { waitFor } from '../../deploy/mesh/wait-for.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { accessLogService } from '../../proto/xds/services.ts';
import { accessLogReceiver } from '../outcome/access-log-receiver.ts';
import { OutcomeBus } from '../outcome/outcome-bus.ts';
import { Arrivals } from './arrivals.ts';
import { startExtProc } from './start-ext-proc.ts';

const entry = {
  common_properties: { start_time: { seconds: 1 }, route_name: 'linear/steady', upstream_cluster: 'mcp.linear', custom_tags: { slot: '1' }, upstream_remote_address: { socket_address: { address: '127.0.0.1', port_value: 1 } } },
  request: { request_method: 'POST', request_headers: { 'x-holdfast-server': 'linear' } }, response: { response_code: { value: 202 }, response_code_details: 'via_upstream' },
};

test('an access log that Envoy keeps open does not hold up the end of a sidecar, and what it said is counted', async t => {
  t.timeout(15_000);
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const bus = new OutcomeBus(), seen: Outcome[] = [], socket = join(folder.path, 'ext-proc.sock');
  bus.subscribe('test', outcome => { seen.push(outcome); });
  const extProc = await startExtProc({
    addresses: [socket], server: () => undefined, directory: {} as never, relay: '127.0.0.1:1', arrivals: new Arrivals(), now: Date.now, random: Math.random, onError: (error: unknown) => t.fail(String(error)),
    metrics: { extProc: () => {}, extProcStreams: () => {} }, gate: () => ({ kind: 'admit', permit: null }), release: () => {}, onCreated: () => {},
    accessLogs: accessLogReceiver({ bus, backendOf: () => null }) as never,
  } as never);
  const client = new (makeClientConstructor(accessLogService, 'AccessLogService'))(`unix:${socket}`, credentials.createInsecure());
  t.teardown(() => client.close());
  const call = (client as unknown as { StreamAccessLogs(done: () => void): ClientWritableStream<object> }).StreamAccessLogs(() => {});
  call.on('error', () => {});
  call.write({ http_logs: { log_entry: [entry, entry] } });
  await waitFor(() => seen.length === 2, { what: 'two outcomes' });
  // Far longer than this test may take: it must not be waited for.
  await extProc.close(600_000);
  t.is(seen.length, 2);
});
