import test from 'ava';
import { createMemoryStore, MemoryBacking } from './memory-store.ts';
import { MeshSecret } from './mesh-secret.ts';
import { StoreError } from './store-error.ts';

/** A clock whose ticks the test makes. */
function handClock() {
  const ticks: Array<() => void> = [];
  return {
    every(_ms: number, run: () => void) {
      ticks.push(run);
      return () => undefined;
    },
    tick: async (): Promise<void> => {
      for (const run of ticks) run();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
const unused = (error: unknown): never => {
  throw error;
};

test('the first process makes the secret, the others take it', async (t) => {
  const backing = new MemoryBacking(),
    secrets = ['a', 'b'].map((nodeId) => new MeshSecret(createMemoryStore({ nodeId, backing }), handClock(), unused));
  for (const secret of secrets) await secret.agree();
  t.is(secrets[0]?.digest.of(['x']), secrets[1]?.digest.of(['x']));
});

test('with the store away a process goes on with its own, and recognises it after it has taken the mesh’s; an emptied store gets it back', async (t) => {
  const backing = new MemoryBacking(),
    store = createMemoryStore({ nodeId: 'a', backing }),
    clock = handClock();
  let isAway = true;
  const late = new MeshSecret(
    {
      agreeOnSecret: (proposal) =>
        isAway ? Promise.reject(new StoreError('unreachable', 'away')) : store.agreeOnSecret(proposal),
    },
    clock,
    unused,
  );
  await late.agree();
  const own = late.digest.of(['x']);
  const first = new MeshSecret(store, handClock(), unused);
  await first.agree();
  isAway = false;
  await clock.tick();
  t.is(late.digest.of(['x']), first.digest.of(['x']));
  t.true(late.digest.matches(own, ['x']));
  const before = late.digest.of(['y']);
  backing.secret = null;
  await clock.tick();
  const third = new MeshSecret(store, handClock(), unused);
  await third.agree();
  t.is(third.digest.of(['y']), before);
});

test('a secret that is too short is reported and not taken', async (t) => {
  const errors: unknown[] = [],
    secret = new MeshSecret({ agreeOnSecret: () => Promise.resolve('c2hvcnQ=') }, handClock(), (error) =>
      errors.push(error),
    ),
    before = secret.digest.of(['x']);
  await secret.agree();
  t.is(secret.digest.of(['x']), before);
  t.is(errors.length, 1);
});
