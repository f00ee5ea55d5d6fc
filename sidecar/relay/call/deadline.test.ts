import test from 'ava';
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
