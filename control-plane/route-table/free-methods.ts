import type { ServerTopology } from '../topology/topology.ts';

/** Methods of the modern era whose requests any replica answers alike: no task, no requestState, no handle, no subscription in them. */
const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
const OTHERS = ['completion/complete', 'ping'];
/** These may answer `input_required`, or with a task; a server may be known not to do so. */
const CALLS = ['tools/call', 'prompts/get', 'resources/read'];

/** What Envoy alone balances, of one server. Lists and reads are the relay's where it keeps a cache of them. */
export function freeMethods({
  policy,
  hasOpenToolBreaker,
}: Pick<ServerTopology, 'policy' | 'hasOpenToolBreaker'>): string[] {
  // What the relay holds it holds in every era; with a tool's breaker open each call has to be asked about.
  const hasFreeCalls = policy.affinity.calls === 'free' && !policy.guard.includes('calls') && !hasOpenToolBreaker;
  const free = [...LISTS, ...OTHERS, ...(hasFreeCalls ? CALLS : [])];
  return policy.sharedCache ? free.filter((method) => !LISTS.includes(method) && method !== 'resources/read') : free;
}

/** Written with what methods begin with only once: Envoy refuses expressions whose program has more than 100 steps. */
export function methodsRegex(methods: readonly string[]): string {
  const byBeginning = Map.groupBy(methods, (method) => method.slice(0, method.indexOf('/') + 1));
  return [...byBeginning]
    .map(([beginning, those]) => {
      const [first = '', ...others] = those;
      return others.length === 0
        ? first
        : `${beginning}(${those.map((method) => method.slice(beginning.length)).join('|')})`;
    })
    .join('|');
}
