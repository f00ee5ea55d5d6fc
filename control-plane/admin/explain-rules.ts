import type { Claims } from '../../proto/authorization/claim-values.ts';
import { RuleBook, type Act } from '../../proto/authorization/rule-book.ts';
import type { ServerTopology } from '../topology/topology.ts';

/** What a request's body asks to do, and the claims of its token. */
interface Asked {
  act?: Act;
  claims?: Claims | null;
}

/** What the server's rules say of the request, as the relay finds out. */
export function rulesSay({ act, claims = null }: Asked, { policy }: ServerTopology): string[] {
  if (!policy.authorization) return [];
  if (act === undefined)
    return ['The relay compares each call with the server’s rules: say --call and --claims to see how.'];
  const verdict = new RuleBook(policy.authorization).for(claims)(act),
    what = [act.method, act.object ?? ''].join(' ').trim(),
    isDry = policy.authorization.mode === 'dry-run' ? ' Since mode is dry-run, that is only counted.' : '';
  if (verdict.is === 'allowed')
    return [
      verdict.rule === null
        ? `No rule is about ${what}, which is allowed then.`
        : `Rule ${verdict.rule} allows ${what}.`,
    ];
  return [
    verdict.rule === null
      ? `No rule allows ${what}: it is refused with a JSON-RPC error.${isDry}`
      : `Rule ${verdict.rule} denies ${what}: it is refused with a JSON-RPC error.${isDry}`,
    ...(verdict.scopes.length > 0 ? [`With scope ${verdict.scopes.join(' ')} it would be allowed.`] : []),
  ];
}
