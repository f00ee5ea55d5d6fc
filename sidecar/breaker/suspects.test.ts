import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { Suspects } from './suspects.ts';

function setup(answers: (boolean | Error)[]) {
  const world = { nowMs: 0, asked: 0, dead: [] as string[], errors: 0 };
  const suspects = new Suspects({
    now: () => world.nowMs,
    isAlive: () => {
      const answer = answers[Math.min(world.asked++, answers.length - 1)] ?? true;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    onDead: (server, slot) => world.dead.push(`${server}/${slot}`),
    onError: () => {
      world.errors += 1;
    },
  });
  return { world, suspects };
}

test('a replica that answers neither of two questions is dead', async (t) => {
  const { world, suspects } = setup([false]);
  suspects.suspect('linear', '1');
  await turn();
  t.deepEqual(world.dead, ['linear/1']);
  t.is(world.asked, 2);
});

test('one that answers the first or the second question is not', async (t) => {
  for (const answers of [[true], [false, true]]) {
    const { world, suspects } = setup(answers);
    suspects.suspect('linear', '1');
    await turn();
    t.deepEqual(world.dead, []);
  }
});

test('however often calls speak against a replica, it is asked once in a second', async (t) => {
  const { world, suspects } = setup([true]);
  for (let i = 0; i < 100; i++) suspects.suspect('linear', '1');
  await turn();
  t.is(world.asked, 1);
  suspects.suspect('linear', '2');
  t.is(world.asked, 2);
  world.nowMs = 1000;
  suspects.suspect('linear', '1');
  t.is(world.asked, 3);
});

test('a check that fails itself says nothing of the replica', async (t) => {
  const { world, suspects } = setup([new Error('no such server')]);
  suspects.suspect('linear', '1');
  await turn();
  t.deepEqual([world.dead, world.errors], [[], 1]);
});
