import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Audit } from '../../proto/audit.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { AuditFile } from './audit-file.ts';
import { AuditTrail } from './audit-trail.ts';
import { principalFor } from './principal-for.ts';

const outcome = (more: Partial<Outcome> = {}): Outcome =>
  sampleOutcome({
    slot: 'a',
    tool: 'pay',
    durationMs: 12.4,
    mode: 'steady',
    traceId: 'f'.repeat(32),
    session: 'a~secret',
    client: '10.0.0.9',
    ...more,
  });

test('a record says who called which tool and what it came to, and nothing that is secret', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audit-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'audit.jsonl');
  const trail = new AuditTrail({
    policy: (server) => (server === 'linear' ? { audit: { file } } : undefined),
    ownerOf: () => '0123456789abcdef',
    open: ({ file: name }) =>
      new AuditFile(
        name ?? null,
        () => t.fail(),
        () => 0,
      ),
    onError: () => t.fail(),
  });
  trail.note(outcome({ principal: 'https://id.example ann' }));
  trail.note(outcome({ kind: 'client_fault', errorCode: -31_008 }));
  trail.note(outcome({ session: null, principal: null }));
  trail.note(outcome({ server: 'other' }));
  await trail.close();
  const text = await readFile(file, 'utf8'),
    lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.is(lines.length, 3);
  t.like(lines[0], {
    ...{ audit: 'call', time: '1970-01-01T00:00:00.000Z', principal: 'https://id.example ann', server: 'linear' },
    ...{ method: 'tools/call', tool: 'pay', outcome: 'success', status: 200, durationMs: 12, slot: 'a' },
  });
  t.like(lines[1], { principal: '0123456789ab', outcome: 'client_fault', errorCode: -31_008 });
  t.like(lines[2], { principal: null, session: null });
  t.notRegex(text, /secret|10\.0\.0\.9/);
});

test('records that can’t be written are lost and counted, and a burst never waits', async (t) => {
  let lost = 0;
  const trail = new AuditTrail({
    policy: () => ({ audit: { file: '/nowhere/at/all/audit.jsonl' } }),
    ownerOf: () => null,
    open: ({ file }) =>
      new AuditFile(
        file ?? null,
        (count) => (lost += count),
        () => 0,
      ),
    onError: () => t.fail(),
  });
  for (let call = 0; call < 40_000; call++) trail.note(outcome());
  t.true(lost > 1000, String(lost));
  await trail.close();
});

test('the principal of the trail is the verified subject, else a digest, and is not asked for without a trail', (t) => {
  const identities = { principalOf: () => 'abcdef0123456789' },
    shown = { authorization: 'Bearer x', claims: Buffer.from('{"iss":"i","sub":"ann"}').toString('base64url') };
  const policy = (more: object) => serverPolicySchema.parse({ name: 'a', ...more });
  t.is(principalFor(identities, shown, policy({ audit: {}, jwt: { issuer: 'i' } })), 'i ann');
  t.is(principalFor(identities, shown, policy({ audit: {} })), 'abcdef012345');
  t.is(principalFor(identities, shown, policy({})), undefined);
});

test('servers with the same section share a place; one that no server names any more is closed, once', async (t) => {
  const opened: string[] = [],
    closed: string[] = [];
  const sections = new Map<string, Audit>([
    ['a', { file: '/one' }],
    ['b', { file: '/one' }],
  ]);
  const trail = new AuditTrail({
    policy: (server) => ({ audit: sections.get(server) }),
    ownerOf: () => null,
    open: ({ file = '' }) => {
      opened.push(file);
      return { write: () => undefined, close: async () => void closed.push(file) };
    },
    onError: () => t.fail(),
  });
  const noteBoth = (): void => {
    for (const server of ['a', 'b']) trail.note(outcome({ server }));
  };
  noteBoth();
  sections.set('a', { file: '/two' });
  noteBoth();
  t.deepEqual([opened, closed], [['/one', '/two'], []]);
  sections.set('b', { file: '/two' });
  noteBoth();
  t.deepEqual([opened, closed], [['/one', '/two'], ['/one']]);
  await trail.close();
  t.deepEqual(closed, ['/one', '/two']);
});
