import test from 'ava';
import { configOf } from '../resources/testing/golden-cases.ts';
import { buildFault } from './build-fault.ts';

const file = configOf('servers: [{name: good, backends: [{name: stable, replicas: ["10.0.0.1:3000"]}]}]');
const [good] = file.servers;

test('a server that nothing can be made of is found before it is built together with the others', (t) => {
  if (!good) throw new Error('no server');
  t.is(buildFault(good, file), null);
  // What a schema may let through one day: the policy is read again where it arrives.
  const bad = { ...good, timeouts: { ...good.timeouts, recoveryMs: Number.MAX_SAFE_INTEGER } };
  t.truthy(buildFault(bad, file));
  t.truthy(buildFault(bad, file), 'the second time too');
});
