import { readRpcBody } from '../../../proto/json-rpc.ts';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { AccessControl } from '../../../sidecar/authorization/access.ts';
import { requestIds } from '../../../sidecar/relay/client/mesh-errors.ts';
import { atMost } from '../report/objectives.ts';
import type { Bench } from './main.ts';

const CALLS = 500_000;
const RULES = 100;
/** A guarded call costs the sidecar at least 80 µs of CPU (`bench -- affinity`); 5 % of that. */
const MOST_US = 4;
/** What nobody calls twice is compared with every rule. */
const MOST_MADE_UP_US = 40;
const NONE = readRpcBody(Buffer.from('{}'));

const rules = Array.from({ length: RULES }, (_, index) => ({
  name: `rule-${index}`,
  effect: index % 5 === 0 ? 'deny' : 'allow',
  claims: index % 2 === 0 ? { groups: [`g${index}`] } : {},
  tools: [`tool_${index}`, `set_${index}_*`, `*_${index}`],
}));
const policy = serverPolicySchema.parse({ name: 'a', authorization: { rules } });
const claims = Buffer.from(JSON.stringify({ sub: 'ann', groups: ['g2', 'g40'] })).toString('base64url');

/** Microseconds per call, best of three. */
function cost(toolOf: (call: number) => string, kinds: number): number {
  const access = new AccessControl(() => undefined),
    bodies = Array.from({ length: kinds }, (_, at) =>
      readRpcBody(
        Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: toolOf(at) } })),
      ),
    );
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call++) {
      const body = bodies[call % kinds] ?? NONE;
      access.ofPost(policy, claims, body, () => requestIds(body));
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / CALLS);
  }
  return best;
}

export const bench: Bench = {
  description: `what the rules of a server cost each call: ${RULES} rules, each with three patterns`,
  run: async () => ({
    objectives: [
      atMost(
        'µs, 100 tools in turn',
        MOST_US,
        cost((at) => `tool_${at}`, 100),
      ),
      atMost(
        'µs, no rule fits',
        MOST_US,
        cost(() => 'none', 1),
      ),
      atMost(
        'µs, names that are made up',
        MOST_MADE_UP_US,
        cost((at) => `made-up-${at}`, 1000),
      ),
    ],
  }),
};
