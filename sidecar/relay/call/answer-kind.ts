import type { OutcomeKind } from '../../../proto/outcome.ts';

export interface AnswerFacts {
  status: number;
  errorCode: number | null;
  isToolError: boolean;
  hasRetryAfter: boolean;
}

/** What an answer came to, by the table in sidecar/outcome/README.md. */
export function answerKind({ status, errorCode, isToolError, hasRetryAfter }: AnswerFacts): OutcomeKind {
  if (status === 429 || (status === 503 && hasRetryAfter)) return 'overload';
  if (status === 502 || status === 503 || status === 504) return 'replica_fault';
  if (status >= 500) return 'server_error';
  if (errorCode === -32603) return 'server_error';
  // Whatever code of its own a server gives beside a 400 or 404: it says that the client is wrong.
  if (status >= 400) return 'client_fault';
  if (errorCode !== null) return isClientFault(errorCode) ? 'client_fault' : 'protocol_error';
  return isToolError ? 'tool_error' : 'success';
}

/** -32700, -32600..-32602, and the protocol's own -3202x, -32042, -32002. */
const isClientFault = (code: number): boolean =>
  code === -32700 ||
  (code <= -32600 && code >= -32602) ||
  (code <= -32020 && code >= -32029) ||
  code === -32042 ||
  code === -32002;
