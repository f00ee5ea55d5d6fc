import { join } from 'node:path';
import test from 'ava';
import { ManagedProcess } from '../test/mesh/managed-process.ts';
import { temporaryFolder } from '../test/mesh/temporary-folder.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { announcement } from './announcement.ts';
import { supervise } from './supervise.ts';

test('a process that is killed is named and started again, until the end', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => folder.remove());
  const child = new ManagedProcess({
    name: 'example',
    command: '/bin/sh',
    args: ['-c', 'sleep 1000'],
    logFile: join(folder.path, 'log'),
    isReady: async () => true,
  });
  t.teardown(() => child.kill());
  await child.start();
  const said: string[] = [];
  const end = new AbortController();
  supervise(child, (line) => said.push(line), end.signal);
  const before = child.pid!;
  process.kill(-before, 'SIGKILL');
  await waitFor(() => said.length === 2, { what: 'restart' });
  t.is(said[0], 'example was killed; starting it again in 1 s');
  t.regex(said[1]!, /^example is up again \(pid \d+\)$/);
  t.not(child.pid, before);
  end.abort();
  process.kill(-child.pid!, 'SIGKILL');
  await child.exited;
  t.is(said.length, 2);
});

test('the announcement names every URL, the session to watch, and what to kill', (t) => {
  const text = announcement({
    seconds: 3.21,
    servers: ['linear', 'queryquill'],
    controlPlaneUrl: 'http://127.0.0.1:1',
    folder: 'folder',
    gateways: [
      { name: 'gateway-1', url: 'http://127.0.0.1:37373', pids: [11, 12] },
      { name: 'gateway-2', url: 'http://127.0.0.1:37374', pids: [13, 14] },
    ],
    replicas: [
      { name: 'linear-1', pid: 21 },
      { name: 'queryquill-1', pid: 22 },
    ],
  });
  for (const part of [
    'http://127.0.0.1:37374/mcp/queryquill',
    'npm run session -- http://127.0.0.1:37373 http://127.0.0.1:37374',
    'kill -9 21   # linear-1',
    'kill -9 11 12   # gateway-1',
  ])
    t.true(text.includes(part), part);
  t.false(text.includes('queryquill-1'));
});
