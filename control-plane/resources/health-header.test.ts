import test from 'ava';
import { gateway } from './testing/test-gateway.ts';

test('what a replica says to Envoys of its health stays at the gateway: an edge would take the gateway out for everybody', async (t) => {
  const { send } = await gateway(t, 'guard: off,');
  for (const session of ['1~harm', '2~harm']) {
    const { status, headers } = await send({ 'mcp-session-id': session });
    t.is(status, 200);
    t.is(headers['x-envoy-immediate-health-check-fail'], undefined);
  }
});
