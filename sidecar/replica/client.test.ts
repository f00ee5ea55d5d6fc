import test from 'ava';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { INTERNAL_FAILURE, ReplicaClient, type ReplicaFailure, type AnswerSink } from './client.ts';
import type { ReplicaLink } from './replica-link.ts';

const server = createServer((incoming, response) => incoming.resume().on('end', () => response.end('{}')));
const address = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
test.before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
test.after.always(() => void server.close());

const request = () => ({
  address: address(),
  method: 'POST' as const,
  path: '/',
  headers: [],
  body: Buffer.from('{}'),
  connectTimeoutMs: 500,
});

for (const where of ['onHead', 'onData', 'onEnd', 'onFailure'] as const)
  test(`a sink that throws in ${where} hears of one failure, which blames no replica`, async (t) => {
    const contained: unknown[] = [];
    const upstream = new ReplicaClient(undefined, (error) => contained.push(error));
    t.teardown(() => upstream.close());
    const failures: ReplicaFailure[] = [];
    await new Promise<void>((resolve) => {
      const sink: AnswerSink = {
        onHead: () => undefined,
        onData: () => undefined,
        onEnd: () => undefined,
        onFailure(failure) {
          failures.push(failure);
          setTimeout(resolve, 20);
          if (where === 'onFailure' && failures.length === 1) throw new Error('in onFailure');
        },
      };
      if (where !== 'onFailure')
        sink[where] = () => {
          throw new Error(`in ${where}`);
        };
      upstream.send({ ...request(), ...(where === 'onFailure' && { address: '127.0.0.1:1' }) }, sink);
    });
    t.is(failures.at(-1)?.code, INTERNAL_FAILURE);
    t.is(failures.length, where === 'onFailure' ? 2 : 1);
    t.is(contained.length, 1);
    t.is(upstream.live(address()), 0);
  });

test('a link that changes reaches connections to a replica that is in use', async (t) => {
  let link: ReplicaLink | undefined;
  const upstream = new ReplicaClient(() => link);
  t.teardown(() => upstream.close());
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      upstream.send(request(), {
        onHead: (status) => resolve(`HTTP ${status}`),
        onData: () => undefined,
        onEnd: () => undefined,
        onFailure: ({ code }) => resolve(code),
      });
    });
  t.is(await ask(), 'HTTP 200');
  link = { host: null, tls: { serverName: 'replica' } as ReplicaLink['tls'] };
  t.not(await ask(), 'HTTP 200');
  link = { host: null, tls: null };
  t.is(await ask(), 'HTTP 200');
});
