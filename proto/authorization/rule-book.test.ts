import test from 'ava';
import { authorizationSchema, type Authorization, type Rule } from './authorization-schema.ts';
import { claimValues, type Claims } from './claim-values.ts';
import { RuleBook, type Act } from './rule-book.ts';
import { textMatcher } from './text-pattern.ts';

const book = (rules: object[], more: object = {}): RuleBook =>
  new RuleBook(authorizationSchema.parse({ rules, ...more }));
const call = (object: string): Act => ({ method: 'tools/call', object });

test('a deny that fits wins wherever it stands; what no rule fits is denied, or allowed as `default` says', (t) => {
  const rules = [
    { name: 'all', effect: 'allow', tools: ['*'] },
    { name: 'no-pay', effect: 'deny', tools: ['pay_*'], claims: { groups: ['guests'] } },
  ];
  const guest = book(rules).for({ groups: ['x', 'guests'] }),
    other = book(rules).for({ groups: ['x'] });
  t.deepEqual(guest(call('pay_now')), { is: 'denied', rule: 'no-pay', scopes: [] });
  t.deepEqual(guest(call('read')), { is: 'allowed', rule: 'all' });
  t.deepEqual(other(call('pay_now')), { is: 'allowed', rule: 'all' });
  t.deepEqual(other({ method: 'prompts/get', object: 'x' }), { is: 'denied', rule: null, scopes: [] });
  t.deepEqual(book(rules, { default: 'allow' }).for(null)({ method: 'prompts/get', object: 'x' }), {
    is: 'allowed',
    rule: null,
  });
});

test('lists and what keeps a session going need no rule; a rule by method may refuse all but initialize and ping', (t) => {
  const nothing = book([]).for(null),
    never = book([{ name: 'none', effect: 'deny' }]).for(null);
  for (const method of ['tools/list', 'logging/setLevel', 'server/discover', 'initialize', 'ping'])
    t.is(nothing({ method, object: null }).is, 'allowed', method);
  for (const method of ['completion/complete', 'tasks/get', 'made/up', 'toString', '__proto__', 'tools/call '])
    t.is(nothing({ method, object: null }).is, 'denied', method);
  for (const method of ['tools/list', 'logging/setLevel']) t.is(never({ method, object: null }).is, 'denied', method);
  for (const method of ['initialize', 'ping']) t.is(never({ method, object: null }).is, 'allowed', method);
});

test('where only a scope is missing the verdict says which', (t) => {
  const rules = [
    { name: 'write', effect: 'allow', tools: ['write'], claims: { scope: ['mcp:write'], groups: ['staff'] } },
  ];
  const staff = book(rules).for({ scope: 'mcp:read', groups: 'staff' });
  t.deepEqual(staff(call('write')), { is: 'denied', rule: null, scopes: ['mcp:write'] });
  t.deepEqual(staff(call('other')), { is: 'denied', rule: null, scopes: [] });
  t.deepEqual(book(rules).for({ scope: 'mcp:read' })(call('write')), { is: 'denied', rule: null, scopes: [] });
  t.is(book(rules).for({ scope: 'mcp:read mcp:write', groups: 'staff' })(call('write')).is, 'allowed');
});

test('values of claims: texts, lists, scopes, members, and nothing that a token does not say', (t) => {
  const claims: Claims = {
    ...{ text: 'a b', scope: 'a  b', list: ['a', 1, true, null, { x: 1 }], number: 7, nothing: null },
    ...{ realm: { roles: ['admin'] }, 'https://x.test/roles': ['y'], 'a.b': 'whole', a: { b: 'member' } },
  };
  t.deepEqual(claimValues(claims, 'text'), ['a b']);
  t.deepEqual(claimValues(claims, 'scope'), ['a', 'b']);
  t.deepEqual(claimValues(claims, 'list'), ['a', '1', 'true']);
  t.deepEqual(claimValues(claims, 'number'), ['7']);
  t.deepEqual(claimValues(claims, 'realm.roles'), ['admin']);
  t.deepEqual(claimValues(claims, 'https://x.test/roles'), ['y']);
  t.deepEqual(claimValues(claims, 'a.b'), ['whole']);
  for (const name of ['nothing', 'no', 'realm', 'realm.no', 'toString', '__proto__', 'constructor.name', 'list.length'])
    t.deepEqual(claimValues(claims, name), [], name);
});

test('a pattern is compared as a whole; a star is any text, and no input makes it slow', (t) => {
  for (const [pattern, text, expected] of [
    ['a', 'a', true],
    ['a', 'ab', false],
    ['*', '', true],
    ['a*', 'a', true],
    ['a*b', 'ab', true],
    ['a*a', 'a', false],
    ['a*b*c', 'axbyc', true],
    ['a*b*c', 'acb', false],
    ['**', 'x', true],
    ['a**b', 'ab', true],
    ['*.md', 'x.md', true],
    ['a.b', 'axb', false],
    ['file:///public/*', 'file:///private/../public/x', false],
  ] as const)
    t.is(textMatcher(pattern)(text), expected, `${pattern} ${text}`);
  t.false(textMatcher(`${'a*'.repeat(500)}b`)('a'.repeat(100_000)));
});

/** Patterns by a regular expression. */
const like = (patterns: readonly string[] | undefined, text: string | null): boolean =>
  (patterns ?? []).some((pattern) =>
    new RegExp(
      `^${pattern
        .split('*')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'))
        .join('[^]*')}$`,
    ).test(text ?? ''),
  );

function has(claims: Claims | null, name: string): string[] {
  const value = claims?.[name] ?? [];
  return name === 'scope' ? String(value).split(' ') : (Array.isArray(value) ? value : [value]).map(String);
}

const isAbout = ({ tools, prompts, resources, methods }: Rule, { method, object }: Act): boolean =>
  (!tools && !prompts && !resources && !methods) ||
  like(methods, method) ||
  (method === 'tools/call' && like(tools, object)) ||
  (method === 'prompts/get' && like(prompts, object)) ||
  (method === 'resources/read' && like(resources, object));

/** The same by the words of the schema, one rule after the other. */
function reference(authorization: Authorization, claims: Claims | null, act: Act): string {
  if (act.method === 'ping') return 'allowed';
  const fitting = authorization.rules.filter(
    (rule) =>
      isAbout(rule, act) &&
      Object.entries(rule.claims).every(([name, values]) => has(claims, name).some((each) => values.includes(each))),
  );
  if (fitting.some(({ effect }) => effect === 'deny')) return 'denied';
  return fitting.length > 0 || authorization.default === 'allow' || act.method === 'tools/list' ? 'allowed' : 'denied';
}

test('10,000 random sets of rules say what a plain reading of them says', (t) => {
  let seed = 20_261_129;
  const random = (below: number): number => {
    seed = (Math.imul(seed ^ (seed >>> 15), 2_246_822_519) + 374_761_393) >>> 0;
    return (seed >>> 8) % below;
  };
  const one = <T>(of: readonly [T, ...T[]]): T => of[random(of.length)] ?? of[0];
  const some = (of: readonly [string, ...string[]]): string[] => Array.from({ length: 1 + random(2) }, () => one(of));
  const TEXTS = ['a', 'ab', 'abc', 'b', 'a.c', 'file:///a', 'file:///b/a'] as const,
    PATTERNS = ['a', 'ab', 'a*', '*', '*b', 'a*c', 'a.c', 'file:///*', '*a'] as const,
    METHODS = ['tools/call', 'prompts/get', 'resources/read', 'tools/list', 'tasks/get', 'ping'] as const,
    VALUES = ['x', 'y', 'z'] as const;
  const counts = { allowed: 0, denied: 0 };
  for (let round = 0; round < 10_000; round++) {
    const authorization = authorizationSchema.parse({
      default: one(['allow', 'deny']),
      rules: Array.from({ length: random(8) }, (_, index) => ({
        name: `r${index}`,
        effect: one(['allow', 'deny']),
        claims: Object.fromEntries(
          Array.from({ length: random(3) }, () => [one(['groups', 'scope', 'role']), some(VALUES)]),
        ),
        ...(random(2) === 0 && { tools: some(PATTERNS) }),
        ...(random(3) === 0 && { prompts: some(PATTERNS) }),
        ...(random(3) === 0 && { resources: some(PATTERNS) }),
        ...(random(4) === 0 && { methods: some(['tools/*', 'prompts/get', '*', '*/list', 'tasks/*']) }),
      })),
    });
    const claims: Claims | null =
      random(5) === 0
        ? null
        : {
            ...(random(3) > 0 && { groups: some(VALUES) }),
            ...(random(3) > 0 && { scope: some(VALUES).join(' ') }),
            ...(random(3) > 0 && { role: one(VALUES) }),
          };
    const method = one(METHODS),
      act = { method, object: /call|get|read/.test(method) && method !== 'tasks/get' ? one(TEXTS) : null };
    const { is } = new RuleBook(authorization).for(claims)(act);
    counts[is]++;
    if (is !== reference(authorization, claims, act))
      return t.fail(`${round}: ${is} ${JSON.stringify({ authorization, claims, act })}`);
  }
  t.true(counts.allowed > 1000 && counts.denied > 1000, JSON.stringify(counts));
});
