/** A fault that a test orders for the next requests to the MCP path. */
export interface Fault {
  /** Status to answer with; null: take the request and never answer. */
  status: number | null;
  /** Answer 200 with events that are no JSON, or end the event stream without an answer, instead of a status. */
  nonsense: 'garbage' | 'cut' | null;
  remaining: number;
  retryAfterSeconds: number | null;
  /** Only requests whose HTTP method is this one. */
  method: string | null;
}

/** Reads `/__fault?status=503&count=5&retryAfter=2&method=POST` or `?hang=1`, `?nonsense=garbage`, `?nonsense=cut`; `count=0` ends a fault. A text says what is wrong. */
export function readFault(query: URLSearchParams): Fault | null | string {
  const count = Number(query.get('count') ?? 1);
  if (!Number.isInteger(count) || count < 0) return 'count: expected a whole number, 0 or more';
  if (count === 0) return null;
  const isHang = query.get('hang') === '1';
  const nonsense = query.get('nonsense');
  if (nonsense !== null && nonsense !== 'garbage' && nonsense !== 'cut') return 'nonsense: expected garbage or cut';
  const status = Number(query.get('status'));
  if (!isHang && nonsense === null && (!Number.isInteger(status) || status < 400 || status > 599))
    return 'status: expected 400 to 599, or hang=1';
  const retryAfter = query.get('retryAfter');
  return {
    status: isHang ? null : status,
    nonsense,
    remaining: count,
    retryAfterSeconds: retryAfter === null ? null : Number(retryAfter),
    method: query.get('method'),
  };
}
