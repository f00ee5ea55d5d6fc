import test from 'ava';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { clientSessionId } from '../../proto/session-id.ts';
import { notCarriedReply } from './not-carried-reply.ts';

const begun = (upstreamId: string, principal: string | null = null, policy: object = {}) => {
  const server = { name: 'linear', policy: serverPolicySchema.parse({ name: 'linear', ...policy }) };
  const clientId = clientSessionId({ slot: 'a', upstreamId, principal });
  const reply = notCarriedReply({ clientId, upstreamId, slot: 'a' }, 7, server);
  if (reply === null) return null;
  const { status, body } = (reply as { immediate_response: { status: { code: number }; body: Buffer } })[
    'immediate_response'
  ];
  const { error, id } = JSON.parse(String(body));
  return [status.code, error.code, id];
};

test('a session begins under any id that can come back: 1 to 1,024 visible ASCII characters, and any length with a principal', (t) => {
  for (const id of ['a', 'a~b', 'a,b', '"%00', 'k'.repeat(1024)]) t.is(begun(id), null, id);
  t.is(begun('k'.repeat(5000), 'ann'), null);
});

test('any other id is refused with the reason; a server whose calls pass no relay may have it', (t) => {
  for (const id of ['a b', 'a\tb', 'é', 'k'.repeat(1025)]) {
    t.deepEqual(begun(id), [502, -31012, 7], id);
    t.is(begun(id, null, { guard: [] }), null);
  }
  t.deepEqual(begun('é', 'ann'), [502, -31012, 7]);
});
