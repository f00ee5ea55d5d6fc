import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import test from 'ava';
import { listenOn } from '../../../deploy/test/mesh/listen-on.ts';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { Deadline, deadlineMs } from './deadline.ts';

test('progress moves a deadline on; silence ends it', async (t) => {
  let now = 0;
  const expired = await new Promise<number>((resolve) => {
    const deadline = new Deadline(
      20,
      () => now,
      () => resolve(now),
    );
    deadline.start();
    now = 15;
    deadline.progress();
    const clock = setInterval(() => {
      now += 5;
      if (now > 60) clearInterval(clock);
    }, 5);
  });
  t.true(expired >= 35);
});

test('an answer that came while the process had no CPU is not late', async (t) => {
  const server = createServer();
  const port = await listenOn(server, 0);
  t.teardown(() => server.close());
  const client = connect(port, '127.0.0.1');
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown];
  t.teardown(() => {
    client.destroy();
    peer.destroy();
  });
  const came = await new Promise((resolve) => {
    const deadline = new Deadline(5, Date.now, () => resolve('late'));
    client.once('data', () => {
      deadline.stop();
      resolve('answer');
    });
    // A turn of its own, so that the loop does not stand in the middle of reading.
    setImmediate(() => {
      deadline.start();
      peer.write('answer');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    });
  });
  t.is(came, 'answer');
});

test('a tool’s own deadline wins over the server’s, and initialize has its own', (t) => {
  const policy = serverPolicySchema.parse({
    name: 's',
    timeouts: { callMs: 100, toolMs: { slow: 0 }, initializeMs: 7 },
  });
  t.deepEqual(
    [
      deadlineMs(policy, 'tools/call', 'x'),
      deadlineMs(policy, 'tools/call', 'slow'),
      deadlineMs(policy, 'ping', null),
      deadlineMs(policy, 'initialize', null),
      deadlineMs(policy, 'tools/call', 'constructor'),
    ],
    [100, 0, 100, 7, 100],
  );
});
