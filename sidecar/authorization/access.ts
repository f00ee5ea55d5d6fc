import type { Authorization } from '../../proto/authorization/authorization-schema.ts';
import { RuleBook, type Act, type Verdict } from '../../proto/authorization/rule-book.ts';
import { messagesOf, type RpcBody } from '../../proto/json-rpc.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { RPC_ERROR, rpcErrors, type RpcError, type RpcId } from '../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { challengeFor } from './challenge-for.ts';
import { AnswerCut } from './answer-cut.ts';
import { LIST_METHODS } from './cut-list.ts';
import { denialOf } from './judge.ts';

type Mode = Authorization['mode'];
type May = (act: Act) => Verdict;
type Policy = Pick<ServerPolicy, 'name' | 'authorization' | 'places'>;

/** What a POST comes to. */
export type Access =
  | { is: 'allowed'; cut: AnswerCut | null }
  /** `challenge`: WWW-Authenticate of a 403, where log-in for a further scope would help; null: status 200. */
  | { is: 'denied'; errors: RpcError[]; challenge: string | null };

interface Sorted {
  book: RuleBook;
  byClaims: Map<string, May>;
}

/** Claims whose rules are kept sorted out, per server. They are what a token says, and are never written anywhere. */
const MOST_CLAIMS = 1000;
const ALLOWED: Access = { is: 'allowed', cut: null };

/** Who may do what, by the rules of each server. `claims`: as Envoy verified them, JSON in base64url; undefined: none. */
export class AccessControl {
  readonly #books = new WeakMap<Authorization, Sorted>();
  readonly #refused: (server: string, rule: string, mode: Mode) => void;

  /** `refused` counts what is refused, or would be. */
  constructor(refused: (server: string, rule: string, mode: Mode) => void) {
    this.#refused = refused;
  }

  ofPost(
    { name, authorization, places }: Policy,
    claims: string | null | undefined,
    body: RpcBody,
    ids: () => RpcId[],
  ): Access {
    if (!authorization) return ALLOWED;
    const may = this.#may(authorization, claims),
      messages = messagesOf(body),
      denial = denialOf(messages, may);
    if (denial === null) {
      const isList = messages.some(({ method }) => method !== null && LIST_METHODS.has(method));
      return isList && authorization.mode === 'enforce' ? { is: 'allowed', cut: new AnswerCut(may) } : ALLOWED;
    }
    this.#refused(name, denial.rule ?? 'default', authorization.mode);
    if (authorization.mode === 'dry-run') return ALLOWED;
    const why = denial.rule === null ? 'no rule allows' : `rule ${denial.rule} denies`,
      message = `Not allowed: ${why} ${denial.what} (servers[${name}].authorization)`,
      data = { outcome: 'not_sent', retrySafe: false, server: name, attempts: 0, rule: denial.rule } as const;
    return {
      is: 'denied',
      errors: rpcErrors(ids(), RPC_ERROR.forbidden, message, data),
      challenge: authorization.stepUp && denial.scopes.length > 0 ? challengeFor(places, denial.scopes) : null,
    };
  }

  /** For a stream on which answers to lists may come: of 2024-11-05, or one that is resumed. */
  ofStream({ authorization }: Policy, claims: string | null | undefined): AnswerCut | null {
    return authorization?.mode === 'enforce' ? new AnswerCut(this.#may(authorization, claims)) : null;
  }

  #may(authorization: Authorization, claims: string | null | undefined): May {
    const known = this.#books.get(authorization) ?? this.#open(authorization);
    const { book, byClaims } = known,
      key = claims ?? '';
    let may = byClaims.get(key);
    if (!may) {
      may = book.for(key === '' ? null : (parseJsonObject(Buffer.from(key, 'base64url')) ?? null));
      const oldest = byClaims.size >= MOST_CLAIMS ? byClaims.keys().next() : null;
      if (oldest && !oldest.done) byClaims.delete(oldest.value);
      byClaims.set(key, may);
    }
    return may;
  }

  #open(authorization: Authorization): Sorted {
    const sorted = { book: new RuleBook(authorization), byClaims: new Map<string, May>() };
    this.#books.set(authorization, sorted);
    return sorted;
  }
}
