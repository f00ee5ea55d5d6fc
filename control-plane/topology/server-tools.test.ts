import test from 'ava';
import { ServerTools } from './server-tools.ts';

test('a server’s tools come from all its replicas, and it has none while nobody has listed them', (t) => {
  const merged = new ServerTools().merge([
    { server: 'linear', tools: [{ name: 'b' }] },
    { server: 'linear', tools: [{ name: 'a' }] },
    { server: 'linear', tools: null },
    { server: 'guarded', tools: null },
    { server: 'empty', tools: [] },
  ]);
  t.deepEqual(
    merged.get('linear')?.map(({ name }) => name),
    ['a', 'b'],
  );
  t.deepEqual(merged.get('empty'), []);
  t.false(merged.has('guarded'));
});

test('what comes to the same is the same object, so that nothing is sent again', (t) => {
  const tools = new ServerTools();
  const first = tools.merge([{ server: 'linear', tools: [{ name: 'a' }] }]).get('linear');
  t.is(tools.merge([{ server: 'linear', tools: [{ name: 'a', description: 'reworded' }] }]).get('linear'), first);
  t.not(tools.merge([{ server: 'linear', tools: [{ name: 'b' }] }]).get('linear'), first);
});
