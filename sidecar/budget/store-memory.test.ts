import test from 'ava';
import { StoreMemory } from './store-memory.ts';

function store(maxPercent: number) {
  const shares: number[] = [],
    state = { info: '' };
  const memory = new StoreMemory({
    info: async () => state.info,
    maxPercent,
    onShare: (share) => shares.push(share),
  });
  const answer = async (used: number, max: number): Promise<boolean> => {
    state.info = `# Memory\r\nused_memory:${used}\r\nused_memory_rss:999999\r\nmaxmemory:${max}\r\nmaxmemory_policy:noeviction\r\n`;
    await memory.ask();
    return memory.hasRoom;
  };
  return { memory, answer, shares };
}

test('beyond its share of maxmemory there is no room for new sessions, until some is freed', async (t) => {
  const { answer, shares } = store(80);
  t.true(await answer(799, 1000));
  t.false(await answer(800, 1000));
  t.true(await answer(100, 1000));
  t.deepEqual(shares, [0.799, 0.8, 0.1]);
});

test('what was written since the last answer counts, so that a flood can not outrun it', async (t) => {
  const { answer, memory } = store(80);
  t.true(await answer(100, 1000));
  memory.wrote(400);
  t.false(memory.hasRoom);
  t.true(await answer(500, 1000));
});

test('without a maximum, with 100 percent, or before the first answer there is room', async (t) => {
  const { answer, memory } = store(80);
  t.true(memory.hasRoom);
  t.true(await answer(1e12, 0));
  t.true(await store(100).answer(2000, 1000));
});
