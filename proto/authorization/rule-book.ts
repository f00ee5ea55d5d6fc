import type { Authorization, Rule } from './authorization-schema.ts';
import { claimValues, type Claims } from './claim-values.ts';
import { anyMatcher } from './text-pattern.ts';

/** What a request asks to do. `object`: the tool, the prompt or the resource's URI; null where the method is about none. */
export interface Act {
  method: string;
  object: string | null;
}

export type Verdict =
  | { is: 'allowed'; rule: string | null }
  /** `rule`: the name of the rule; null: none fits. `scopes`: with these as well a rule would have allowed it. */
  | { is: 'denied'; rule: string | null; scopes: readonly string[] };

/** What the objects of a method are; the others are about none. */
const KINDS: Readonly<Record<string, 'tools' | 'prompts' | 'resources'>> = {
  'tools/call': 'tools',
  'prompts/get': 'prompts',
  'resources/read': 'resources',
  'resources/subscribe': 'resources',
  'resources/unsubscribe': 'resources',
};
/** Whether a request of this method must name its object: without it nobody can say whether it is allowed. */
export const namesObject = (method: string): boolean => KINDS[method] !== undefined;

/** No rule is asked about these: without them there is no session. */
const NEVER_REFUSED = new Set(['initialize', 'ping']);
/** Allowed where no rule fits. Lists are cut instead. */
const HARMLESS = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'logging/setLevel',
]);

interface CompiledRule {
  rule: Rule;
  fits(act: Act): boolean;
}

/** The rules of one server, ready to be asked. Pure; claims are those of a verified token. */
export class RuleBook {
  readonly #authorization: Authorization;
  readonly #rules: readonly CompiledRule[];

  constructor(authorization: Authorization) {
    this.#authorization = authorization;
    this.#rules = authorization.rules.map((rule) => ({ rule, fits: fitsAct(rule) }));
  }

  /** The rules for a caller with these claims; null: a caller without claims. To be kept while requests with the same claims come. */
  for(claims: Claims | null): (act: Act) => Verdict {
    const mine = this.#rules.filter(({ rule }) => missing(rule, claims).length === 0),
      denies = mine.filter(({ rule }) => rule.effect === 'deny'),
      allows = mine.filter(({ rule }) => rule.effect === 'allow'),
      // A rule that only a scope keeps from being this one's.
      almost = this.#rules.filter(({ rule }) => rule.effect === 'allow' && isOnlyScope(missing(rule, claims)));
    return remembered((act) => {
      if (NEVER_REFUSED.has(act.method)) return { is: 'allowed', rule: null };
      const denied = denies.find(({ fits }) => fits(act));
      if (denied) return { is: 'denied', rule: denied.rule.name, scopes: [] };
      const allowed = allows.find(({ fits }) => fits(act));
      if (allowed) return { is: 'allowed', rule: allowed.rule.name };
      if (this.#authorization.default === 'allow' || HARMLESS.has(act.method)) return { is: 'allowed', rule: null };
      const step = almost.find(({ fits }) => fits(act));
      return { is: 'denied', rule: null, scopes: step?.rule.claims['scope']?.slice(0, 1) ?? [] };
    });
  }
}

/** A server has few tools, so what was said of one is kept; a caller that makes names up only pushes others out. */
function remembered(judge: (act: Act) => Verdict): (act: Act) => Verdict {
  const byMethod = new Map<string, Map<string, Verdict>>();
  return (act) => {
    const object = act.object ?? '',
      before = byMethod.get(act.method)?.get(object);
    if (before) return before;
    const verdict = judge(act);
    if (act.method.length + object.length > LONGEST_KEPT) return verdict;
    const known = byMethod.get(act.method) ?? new Map<string, Verdict>();
    if (known.size >= MOST_KEPT) known.clear();
    known.set(object, verdict);
    if (byMethod.size < MOST_KEPT) byMethod.set(act.method, known);
    return verdict;
  };
}
const MOST_KEPT = 256;
const LONGEST_KEPT = 256;

/** Claims of a rule of which none of the values is there. */
const missing = (rule: Rule, claims: Claims | null): string[] =>
  Object.entries(rule.claims).flatMap(([name, values]) => {
    const has = claims === null ? [] : claimValues(claims, name);
    return has.some((each) => values.includes(each)) ? [] : [name];
  });

const isOnlyScope = (names: readonly string[]): boolean => names.length === 1 && names[0] === 'scope';

function fitsAct({ tools, prompts, resources, methods }: Rule): (act: Act) => boolean {
  if (!tools && !prompts && !resources && !methods) return () => true;
  const byKind = {
    tools: tools && anyMatcher(tools),
    prompts: prompts && anyMatcher(prompts),
    resources: resources && anyMatcher(resources),
  };
  const byMethod = methods && anyMatcher(methods);
  return ({ method, object }) => {
    if (byMethod?.(method)) return true;
    const kind = KINDS[method];
    return kind !== undefined && object !== null && (byKind[kind]?.(object) ?? false);
  };
}
