import { signal } from '@preact/signals';

const KEY = 'holdfast.token';
/** The token is kept for this tab only, and never in a URL. */
export const token = signal<string | null>(sessionStorage.getItem(KEY));
const NAME_KEY = 'holdfast.name';
/** Who acts on this page, for the events: what they say of themselves. */
export const operator = signal(sessionStorage.getItem(NAME_KEY) ?? '');

export function nameOperator(name: string): void {
  sessionStorage.setItem(NAME_KEY, name);
  operator.value = name;
}

/** The API asked for a token, or did not take the one that it got. */
export const needsToken = signal(false);

export function useToken(text: string): void {
  sessionStorage.setItem(KEY, text);
  token.value = text;
  needsToken.value = false;
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
  token.value = null;
  needsToken.value = true;
}

/** What the API refused, in its own words. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const headers = (): Record<string, string> => (token.value === null ? {} : { authorization: `Bearer ${token.value}` });

async function problemOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as { error?: { message?: string } | string } | null;
  const told = typeof body?.error === 'string' ? body.error : body?.error?.message;
  return new ApiError(response.status, told ?? `HTTP ${response.status}`);
}

/** A request of the API. Throws ApiError, or what the network throws. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, {
    ...init,
    headers: { ...headers(), ...(init.headers as Record<string, string> | undefined) },
    credentials: 'omit',
    cache: 'no-store',
  });
  if (response.status === 401) needsToken.value = true;
  if (!response.ok) throw await problemOf(response);
  return response;
}

export const get = async <T>(path: string): Promise<T> => (await (await call(path)).json()) as T;

export const post = async <T>(path: string, body: unknown): Promise<T> =>
  (await (
    await call(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-holdfast-by': encodeURIComponent(operator.value === '' ? 'console' : `${operator.value}, console`),
      },
      body: JSON.stringify(body),
    })
  ).json()) as T;
