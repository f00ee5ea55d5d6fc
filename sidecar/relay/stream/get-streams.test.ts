import test from 'ava';
import { GetStreams, type HeldStream } from './get-streams.ts';

function streams() {
  const open: number[] = [],
    ended: string[] = [],
    held = new GetStreams({ on: () => () => undefined } as never, (_server, count) => open.push(count));
  const add = (digest: string, name: string): number => {
    const stream: HeldStream = {
      server: 's',
      headers: [],
      told: { wasOpen: true, outcome: { trace: null } },
      moved: () => undefined,
      ended() {
        ended.push(name);
        held.delete('s', digest, stream);
      },
    };
    return held.add('s', digest, stream, 2);
  };
  return { add, ended, open, held };
}

test('beyond its share a session’s oldest streams end, the newest stays; another session’s are left alone', (t) => {
  const { add, ended, open, held } = streams();
  t.deepEqual([add('a', 'first'), add('a', 'second'), add('b', 'other')], [0, 0, 0]);
  t.is(add('a', 'third'), 1);
  t.is(add('a', 'fourth'), 1);
  t.deepEqual(ended, ['first', 'second']);
  t.is(open.at(-1), 3);
  t.deepEqual([...held.open()].map(({ digest }) => digest).toSorted(), ['a', 'b']);
});
