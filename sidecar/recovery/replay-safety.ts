import type { DeliveryOutcome } from '../../proto/rpc-error.ts';

/** What a tool says of itself in tools/list; false when it says nothing. */
export interface ToolAnnotations {
  isReadOnly: boolean;
  isIdempotent: boolean;
}

export interface ReplayQuestion {
  /** JSON-RPC method; null for a response. */
  method: string | null;
  /** Tool of a tools/call. */
  tool: string | null;
  /** What is known of that tool; undefined when nothing is. */
  annotations: ToolAnnotations | undefined;
  trustAnnotations: boolean;
  retrySafeTools: readonly string[];
  /** What is known of the first attempt. */
  delivery: DeliveryOutcome;
}

export type ReplayVerdict =
  | { isSafe: true; because: 'not-delivered' | 'harmless-method' | 'listed' | 'annotated' }
  | { isSafe: false; because: 'may-have-run' };

/** Reads, and calls whose second execution leaves what the first one left. */
const HARMLESS = new Set([
  'ping',
  'initialize',
  'server/discover',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'roots/list',
  'completion/complete',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
]);

/** May this be sent a second time? The one place that decides it, for relay, recovery and routes. */
export function replaySafety(question: ReplayQuestion): ReplayVerdict {
  if (question.delivery === 'not_sent') return { isSafe: true, because: 'not-delivered' };
  if (question.method !== null && HARMLESS.has(question.method)) return { isSafe: true, because: 'harmless-method' };
  if (question.method === 'tools/call' && question.tool !== null) {
    if (question.retrySafeTools.includes(question.tool)) return { isSafe: true, because: 'listed' };
    const says = question.annotations;
    if (question.trustAnnotations && says && (says.isReadOnly || says.isIdempotent))
      return { isSafe: true, because: 'annotated' };
  }
  return { isSafe: false, because: 'may-have-run' };
}
