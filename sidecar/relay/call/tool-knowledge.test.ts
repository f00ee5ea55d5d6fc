import test from 'ava';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { makeServerView } from '../../xds/topology.ts';
import { ToolKnowledge } from './tool-knowledge.ts';

test('tools are believed as they were last listed, page by page, until the list changed', (t) => {
  const learned: string[][] = [],
    tools = new ToolKnowledge((_server, names) => learned.push(names));
  tools.learn('s', { tools: [{ name: 'a', annotations: { readOnlyHint: true } }, { name: 'b' }, null, { name: 5 }] });
  tools.learn('s', { tools: [{ name: 'c', annotations: { idempotentHint: true, readOnlyHint: 'yes' } }] });
  t.deepEqual(
    [tools.of('s', 'a'), tools.of('s', 'b'), tools.of('s', 'c')],
    [
      { isReadOnly: true, isIdempotent: false },
      { isReadOnly: false, isIdempotent: false },
      { isReadOnly: false, isIdempotent: true },
    ],
  );
  t.deepEqual(learned.at(-1), ['a', 'b', 'c']);
  t.is(tools.of('other', 'a'), undefined);
  tools.learn('s', { tools: 'none' });
  tools.forget('s');
  t.false(tools.knows('s'));
});

test('what is known of a server’s tools is forgotten when one of its replicas starts anew, not when one ends', (t) => {
  const tools = new ToolKnowledge(),
    policy = serverPolicySchema.parse({ name: 's' });
  const view = (...slots: string[]) =>
    makeServerView(
      { policy, lostSlots: [], backends: [] },
      slots.map((slot) => ({
        server: 's',
        replica: slot,
        backend: 'stable',
        slot,
        address: `${slot}:1`,
        state: 'active' as const,
        isSteady: true,
        weight: 1,
      })),
    );
  tools.see(view('1', '2'));
  tools.learn('s', { tools: [{ name: 'a' }] });
  tools.see(view('2'));
  t.true(tools.knows('s'));
  tools.see(view('2', '3'));
  t.false(tools.knows('s'));
});
