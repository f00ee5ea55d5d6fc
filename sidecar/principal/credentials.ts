/** Parts of header names that say who asks. One too many only means that a session is rebuilt for fewer requests. */
const CREDENTIALS = /auth|cookie|token|secret|credential|api-?key|assertion|x-forwarded-client-cert/i;

/** Header names repeat in every request, so each is looked at once. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 1000;

/** Whether a header of this name (lower case) may say who asks. Pseudo headers (`:authority`) and the mesh's own do not. */
export function isCredential(name: string): boolean {
  let answer = known.get(name);
  if (answer === undefined) {
    answer = !name.startsWith(':') && !name.startsWith('x-holdfast-') && CREDENTIALS.test(name);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(name, answer);
  }
  return answer;
}

/** Parts of names in a query that say who asks. */
const IN_QUERY = /auth|token|secret|credential|password|key|assertion|signature/i;

/**
 * What in a path's query may say who asks, as a flat list like headers. Before each name stands a `?`, which no header's name has. Servers take keys
 * from there that know no header.
 */
export function credentialsInQuery(path: string): string[] {
  const at = path.indexOf('?');
  if (at < 0) return [];
  return path
    .slice(at + 1)
    .split('&')
    .flatMap((pair) => {
      const [name = '', ...value] = pair.split('=');
      return IN_QUERY.test(decoded(name)) ? [`?${name}`, value.join('=')] : [];
    });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The credentials among headers (flat list: name, value, name, value …), as name and value by name, whatever their order. A header that stands
 * there several times counts as one, joined as proxies join it. `ofMesh`: what the mesh itself sets by `headerFiles` is nobody’s.
 */
export function credentialsIn(
  headers: readonly string[],
  ofMesh: Readonly<Record<string, string>> = {},
): Array<[name: string, value: string]> {
  let found: Map<string, string> | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    if (!(name.startsWith('?') || isCredential(name)) || Object.hasOwn(ofMesh, name)) continue;
    found ??= new Map();
    const before = found.get(name),
      value = headers[i + 1] ?? '';
    found.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  return found === null ? [] : [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}
