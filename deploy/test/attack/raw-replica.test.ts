import test from 'ava';
import { freePort, isFreePort } from '../mesh/free-port.ts';
import { RawReplica } from './raw-replica.ts';

test('a replica that was closed in the middle of a restart stays away, whoever asks for it again', async (t) => {
  const replica = new RawReplica('r', await freePort());
  await replica.start();
  t.false(await isFreePort(replica.port));
  const restarting = replica.restart();
  await replica.close();
  await restarting;
  await replica.restart();
  t.true(await isFreePort(replica.port));
});
