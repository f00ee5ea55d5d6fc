import test from 'ava';
import { mayPromote, readReplication } from './replication.ts';

const replica = (...lines: string[]) =>
  readReplication(['# Replication', 'role:slave', 'master_host:10.0.0.1', 'master_port:6379', ...lines].join('\r\n'));

test('a primary shows its replicas and how far behind they are', (t) => {
  t.deepEqual(
    readReplication(
      'role:master\r\nconnected_slaves:1\r\nslave0:ip=10.1.0.1,port=6379,state=online,offset=42,lag=1\r\n',
    ),
    { role: 'primary', replicas: [{ address: '10.1.0.1:6379', state: 'online', lagSeconds: 1 }] },
  );
});

test('a region is promoted when its primary is gone; not while that answers, not with half a copy, not with nothing', (t) => {
  const alone = replica('master_link_status:down', 'master_sync_in_progress:0', 'master_link_down_since_seconds:7');
  t.like(alone, { role: 'replica', primary: '10.0.0.1:6379', silentSeconds: 7 });
  t.is(mayPromote(alone, false).kind, 'ready');
  const following = replica('master_link_status:up', 'master_sync_in_progress:0', 'master_last_io_seconds_ago:1');
  t.is(mayPromote(following, false).kind, 'refused');
  t.is(mayPromote(following, true).kind, 'ready');
  t.is(
    mayPromote(
      replica('master_link_status:down', 'master_sync_in_progress:1', 'master_link_down_since_seconds:1'),
      true,
    ).kind,
    'refused',
  );
  t.is(
    mayPromote(
      replica('master_link_status:down', 'master_sync_in_progress:0', 'master_link_down_since_seconds:-1'),
      true,
    ).kind,
    'refused',
  );
  t.is(mayPromote(readReplication('role:master\r\n'), false).kind, 'done-already');
});
