import { parseJsonObject } from '../../proto/parse-json.ts';

/** Long answers of proxies in between are cut to this. */
const MAX_LENGTH = 300;

/**
 * Why the API server could not be asked, for people. If it answered, these are its own words (who may not do what). Otherwise this is the
 * error of the connection.
 */
export function kubernetesProblem(error: unknown): string {
  const { code, body } = (error ?? {}) as { code?: unknown; body?: unknown };
  if (typeof code === 'number') {
    const said = typeof body === 'string' ? parseJsonObject(body) : (body as Record<string, unknown> | undefined);
    const message = typeof said?.['message'] === 'string' ? said['message'] : undefined;
    const why = code === 401 ? 'it does not accept our token or certificate; is it expired?' : (message ?? '');
    return `the API server answered HTTP ${code}${why && `: ${why}`}`.slice(0, MAX_LENGTH);
  }
  return causes(error).slice(0, MAX_LENGTH);
}

/** `fetch failed` alone says nothing: what failed is in its causes. */
function causes(error: unknown): string {
  const messages: string[] = [];
  for (let each: unknown = error; each instanceof Error && messages.length < 4; each = each.cause)
    messages.push((each.message || String((each as NodeJS.ErrnoException).code ?? each.name)).split('\n')[0] ?? '');
  return [...new Set(messages)].join(': ') || String(error);
}
