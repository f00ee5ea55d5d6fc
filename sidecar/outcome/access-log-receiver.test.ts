import { once } from 'node:events';
import { credentials, makeClientConstructor, Server, ServerCredentials, type ClientWritableStream } from '@grpc/grpc-js';
import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { accessLogService } from '../../proto/xds/services.ts';
import { accessLogReceiver } from './access-log-receiver.ts';
import { OutcomeBus } from './outcome-bus.ts';

const entry = (slot: string) => ({
  common_properties: { start_time: { seconds: 1 }, route_name: 'linear/steady', upstream_cluster: 'mcp.linear', custom_tags: { slot }, upstream_remote_address: { socket_address: { address: '127.0.0.1', port_value: 1 } } },
  request: { request_method: 'POST', request_headers: { 'x-holdfast-server': 'linear' } },
  response: { response_code: { value: 202 }, response_code_details: 'via_upstream' },
});

test('batches become outcomes; when they pile up the stream waits and nothing is lost', async t => {
  const turns: (() => void)[] = [];
  const seen: Outcome[] = [];
  const bus = new OutcomeBus({ maxQueued: 40, maxPerTurn: 10, schedule: drain => turns.push(drain) });
  bus.subscribe('test', outcome => { seen.push(outcome); });
  const counts: Record<string, number> = {};
  const server = new Server();
  server.addService(accessLogService, {
    StreamAccessLogs: accessLogReceiver({ bus, backendOf: () => 'stable', onEntries: (result, count) => { counts[result] = (counts[result] ?? 0) + count; } }) as never,
  });
  const port = await new Promise<number>((resolve, reject) => { server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => { if (error) reject(error); else resolve(bound); }); });
  const client = new (makeClientConstructor(accessLogService, 'AccessLogService'))(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    let answered = false;
    const call = (client as unknown as { StreamAccessLogs(done: () => void): ClientWritableStream<object> }).StreamAccessLogs(() => { answered = true; });
    for (let i = 0; i < 20; i++) call.write({ http_logs: { log_entry: Array.from({ length: 10 }, (_, j) => entry(String(i * 10 + j))) } });
    call.write({ http_logs: { log_entry: [{}, { ...entry('x'), common_properties: { route_name: 'health' } }] } });
    call.end();
    const deadline = Date.now() + 10_000;
    while (!answered && Date.now() < deadline) {
      turns.shift()?.();
      t.true(bus.queued <= 40);
      await new Promise(setImmediate);
    }
    bus.flush();
    t.true(answered);
    t.deepEqual(seen.map(outcome => outcome.slot), Array.from({ length: 200 }, (_, i) => String(i)));
    t.deepEqual(counts, { outcome: 200, malformed: 1, foreign: 1 });
    call.destroy();
    if (!call.closed) await once(call, 'close');
  } finally {
    client.close();
    server.forceShutdown();
  }
});
