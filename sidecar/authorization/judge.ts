import { namesObject, type Act, type Verdict } from '../../proto/authorization/rule-book.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';

/** What one message asks to do; null: nothing that a rule could be about. */
type Asked = Act | 'unreadable' | null;

function actOf({ kind, method, name, uri, isAmbiguous }: RpcMessage): Asked {
  // One server takes the first of two names, another the last, and some take a name in any case.
  if (isAmbiguous) return 'unreadable';
  if (kind === 'response') return null;
  // A server may carry out what the mesh could not read.
  if (method === null) return 'unreadable';
  if (method.startsWith('notifications/')) return null;
  const object = method.startsWith('resources/') ? uri : name;
  return namesObject(method) && object === null ? 'unreadable' : { method, object };
}

/** Why a message may not pass. `rule`: null when no rule fits. */
export interface Denial {
  rule: string | null;
  scopes: readonly string[];
  /** For the error: `tools/call pay`. */
  what: string;
}

/** The first message of a body that is not allowed. */
export function denialOf(messages: readonly RpcMessage[], may: (act: Act) => Verdict): Denial | null {
  for (const message of messages) {
    const act = actOf(message);
    if (act === null) continue;
    if (act === 'unreadable') return { rule: null, scopes: [], what: 'a request that does not say what it is about' };
    const verdict = may(act);
    if (verdict.is === 'denied')
      return { rule: verdict.rule, scopes: verdict.scopes, what: [act.method, act.object ?? ''].join(' ').trim() };
  }
  return null;
}
