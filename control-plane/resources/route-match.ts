import { HEADER } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';

export const hasHeader = (name: string): object => ({ name, present_match: true });
export const lacksHeader = (name: string): object => ({ name, present_match: true, invert_match: true });
export const isMethod = (...methods: string[]): object =>
  methods.length === 1
    ? { name: ':method', string_match: { exact: methods[0] } }
    : { name: ':method', string_match: { safe_regex: { regex: methods.join('|') } } };

/** A length with so many digits is large: 10,000 bytes or more. As many of them as connections fit into half of Envoy's heap limit. */
const LARGE_DIGITS = 5;

/**
 * A large body, or one of a length that nobody said. Envoy keeps a body that it reads until it is complete, without a budget per client; the relay
 * has one (sidecar/budget). Where a server takes small bodies only, what has as many digits as its limit is large, so that the relay refuses it.
 */
export const isLarge = (maxBodyBytes: number): object => ({
  name: 'content-length',
  string_match: { safe_regex: { regex: `|[0-9]{${Math.min(LARGE_DIGITS, String(maxBodyBytes).length)},}` } },
  treat_missing_header_as_empty: true,
});

export const hasSession = hasHeader(HEADER.sessionId);
/** Envoy matches each of several headers of one name by itself, so a doubled session id may match: it is sent joined, which no replica knows, and the relay answers. */
export const ofSlot = (slot: string): object => ({ name: HEADER.sessionId, string_match: { prefix: `${slot}~` } });

const MODERN =
  '(2026-(07-(2[89]|3[01])|(0[89]|1[0-2])-[0-9]{2})|(202[7-9]|20[3-9][0-9]|2[1-9][0-9]{2})-[0-9]{2}-[0-9]{2})';
/** Revision 2026-07-28 or later, which has no sessions. Cheap and sufficient: the header that names the method comes with it. */
export const isModern = [
  hasHeader(HEADER.method),
  { name: HEADER.protocolVersion, string_match: { safe_regex: { regex: MODERN } } },
];

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
  // A header may say another method than the body: where rules decide, the relay reads the body of each request.
  if (policy.authorization || policy.fleetLimits.length > 0) return [];
  // What the relay holds it holds in every era; with a tool's breaker open each call has to be asked about.
  const hasFreeCalls = policy.affinity.calls === 'free' && !policy.guard.includes('calls') && !hasOpenToolBreaker;
  const free = [...LISTS, ...OTHERS, ...(hasFreeCalls ? CALLS : [])];
  return policy.sharedCache ? free.filter((method) => !LISTS.includes(method) && method !== 'resources/read') : free;
}

/** Written with what methods begin with only once: Envoy refuses expressions whose program has more than 100 steps. */
export function isMcpMethod(methods: readonly string[]): object {
  const byBeginning = Map.groupBy(methods, (method) => method.slice(0, method.indexOf('/') + 1));
  const regex = [...byBeginning]
    .map(([beginning, those]) => {
      const [first = '', ...others] = those;
      return others.length === 0
        ? first
        : `${beginning}(${those.map((method) => method.slice(beginning.length)).join('|')})`;
    })
    .join('|');
  return { name: HEADER.method, string_match: { safe_regex: { regex } } };
}
