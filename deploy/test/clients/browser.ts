/** A browser that knows cookies and redirects, and nothing else: a user's who agrees to everything. */
export async function visitUntil(url: URL, target: string): Promise<URL> {
  const jar = new Map<string, string>();
  let next = url;
  for (let hop = 0; hop < 20; hop += 1) {
    if (next.href.startsWith(target)) return next;
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(next, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/s);
      jar.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${next.href}: ${response.status} ${(await response.text()).slice(0, 300)}`);
    await response.body?.cancel();
    next = new URL(location, next);
  }
  throw new Error(`${url.href} redirects without end`);
}
