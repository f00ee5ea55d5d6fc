import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { TestIssuer } from '../mesh/test-issuer.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { attributeProblems } from '../otlp/conventions.ts';
import { startCollector, type Collector } from '../otlp/start-collector.ts';
import { homeOf } from './home-of.ts';

const issuer = new TestIssuer('k', { iss: 'https://id.example', aud: 'mesh', sub: 'ada' });
const jwksFile = join(tmpdir(), `holdfast-rules-${process.pid}.json`);
const FEW = { name: 'few', tools: ['list_issues'], requests: 3, perMs: 3_600_000 };
const auditFile = join(tmpdir(), `holdfast-audit-${process.pid}.jsonl`);
let mesh: Mesh;
let collector: Collector;

test.before(async (t) => {
  t.timeout(120_000);
  await writeFile(jwksFile, issuer.jwks);
  collector = await startCollector('grpc');
  const settings = (allowed: string[]) => ({
    jwt: { issuer: 'https://id.example', audiences: ['mesh'], jwksFile },
    authorization: {
      rules: [
        { name: 'reads', effect: 'allow', tools: allowed },
        { name: 'writers', effect: 'allow', claims: { groups: ['ops'] } },
        { name: 'nobody-deletes', effect: 'deny', tools: ['delete_*', 'close_*'] },
      ],
    },
  });
  mesh = await startMesh({
    gateways: 1,
    servers: {
      // HTTP+SSE as well as sessions.
      linear: {
        replicas: 2,
        args: ['--http-sse'],
        settings: { ...settings(['whoami', 'list_*']), fleetLimits: [FEW], audit: { file: auditFile } },
      },
      modern: {
        ...{ replicas: 1, program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'] },
        settings: { ...settings(['test_simple_text']), audit: { otlp: { endpoint: collector.endpoint } } },
      },
    },
  });
});
test.after.always(async () => {
  await mesh?.close();
  await collector?.close();
  await rm(jwksFile, { force: true });
  await rm(auditFile, { force: true });
});

async function connect(t: ExecutionContext, kind: ClientKind, claims: object): Promise<McpClient> {
  const authorization = `Bearer ${issuer.token(claims)}`,
    url = mesh.url(kind === 'v2-modern' ? 'modern' : 'linear');
  const client = await connectClient({ kind, url, headers: { authorization } });
  t.teardown(() => client.close());
  return client;
}

for (const [kind, allowed, refused, args] of [
  ['v1', 'whoami', 'create_issue', { title: 'x' }],
  ['v2-legacy', 'whoami', 'create_issue', { title: 'x' }],
  ['v1-sse', 'whoami', 'create_issue', { title: 'x' }],
  ['v2-modern', 'test_simple_text', 'test_multiple_content_types', {}],
] as const)
  test(`${kind}: a reader sees and uses what the rules allow, and hears which rule refuses the rest; the session goes on`, async (t) => {
    const reader = await connect(t, kind, { sub: 'eve' }),
      writer = await connect(t, kind, { groups: ['ops'] });
    const ofReader = await reader.listTools(),
      ofWriter = await writer.listTools();
    t.true(ofReader.includes(allowed));
    t.false(ofReader.includes(refused));
    t.true(ofWriter.includes(refused));
    t.deepEqual(
      ofWriter.filter((name) => /^(delete|close)_/.test(name)),
      [],
    );
    const error = await t.throwsAsync(reader.callTool(refused, args));
    t.regex(error.message, new RegExp(`no rule allows tools/call ${refused} \\(servers\\[`));
    // Messages of HTTP+SSE are answered on another stream, so there the status says it.
    if (kind !== 'v1-sse') t.is((error as Error & { code?: number }).code, RPC_ERROR.forbidden);
    t.false((await reader.callTool(allowed)).isError);
    t.false((await writer.callTool(refused, args)).isError);
  });

test('calls beyond a limit of the fleet are told when to come again; other callers and tools have their own', async (t) => {
  const hugo = await connect(t, 'v1', { sub: 'hugo' }),
    ida = await connect(t, 'v2-legacy', { sub: 'ida' });
  // A Redis that is slow for a moment is not waited for: then this node lets one burst of its own through.
  let allowed = 0,
    error: (Error & { code?: number; data?: { retryAfterMs?: number } }) | null = null;
  while (error === null && allowed <= 2 * FEW.requests)
    try {
      await hugo.callTool('list_issues');
      allowed++;
    } catch (thrown) {
      error = thrown as Error;
    }
  t.true(allowed >= FEW.requests && allowed <= 2 * FEW.requests, String(allowed));
  t.is(error?.code, RPC_ERROR.overload);
  t.regex(error?.message ?? '', /servers\[linear\]\.fleetLimits, few/);
  t.true((error?.data?.retryAfterMs ?? 0) > 0);
  t.false((await hugo.callTool('whoami')).isError);
  t.false((await ida.callTool('list_issues')).isError);
});

test('the audit trail has who called what, refused or not, and nothing secret', async (t) => {
  const client = await connect(t, 'v1', { sub: 'judy' });
  await client.callTool('whoami');
  await t.throwsAsync(client.callTool('create_issue', { title: 'a secret title' }));
  const lines = await waitFor(
    async () => {
      const found = (await readFile(auditFile, 'utf8'))
        .split('\n')
        .filter((line) => line.includes('"principal":"https://id.example judy"'));
      return found.some((line) => line.includes('create_issue')) && found;
    },
    { what: 'the refused call in the trail' },
  );
  t.regex(lines.find((line) => line.includes('whoami')) ?? '', /"tool":"whoami","outcome":"success"/);
  t.regex(lines.find((line) => line.includes('create_issue')) ?? '', /"outcome":"client_fault"/);
  t.notRegex(lines.join(), /secret title|Bearer|eyJ/);
});

test('the audit trail goes to a collector as logs, with the caller’s trace, and nothing secret', async (t) => {
  const traceId = randomBytes(16).toString('hex'),
    headers = {
      authorization: `Bearer ${issuer.token({ sub: 'kurt' })}`,
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    };
  const client = await connectClient({ kind: 'v2-modern', url: mesh.url('modern'), headers });
  t.teardown(() => client.close());
  await client.callTool('test_simple_text');
  await t.throwsAsync(client.callTool('test_multiple_content_types', { title: 'a secret title' }));
  const calls = await waitFor(
    () => {
      const found = collector.records.filter(
        ({ attributes }) => attributes['enduser.id'] === 'https://id.example kurt',
      );
      const tools = found.filter(({ attributes }) => attributes['mcp.method.name'] === 'tools/call');
      return tools.length === 2 && tools;
    },
    { what: 'both calls at the collector' },
  );
  t.deepEqual(calls.map(({ body }) => body).sort(), [
    'tools/call test_multiple_content_types: client_fault',
    'tools/call test_simple_text: success',
  ]);
  for (const { service, event, traceId: told, attributes } of calls) {
    t.deepEqual([service, event, told], ['holdfast-sidecar', 'holdfast.audit.call', traceId]);
    t.deepEqual(attributeProblems(attributes), []);
  }
  t.notRegex(JSON.stringify(collector.records), /secret title|Bearer|eyJ/);
});

// By itself: it kills a replica that others have their sessions on.
test.serial('a replica’s death changes nothing of who may do what', async (t) => {
  const reader = await connect(t, 'v1', { sub: 'grace' });
  const before = await homeOf(mesh, reader);
  await before.process.kill();
  t.not(await homeOf(mesh, reader), before);
  await t.throwsAsync(reader.callTool('create_issue', { title: 'x' }), { message: /no rule allows/ });
});
