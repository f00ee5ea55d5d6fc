import test from 'ava';
import fc from 'fast-check';
import { eraOfRequest, FIRST_MODERN_REVISION, isModernRevision, LEGACY_REVISION } from './era.ts';

const request = { method: 'tools/list', claimedVersion: null, protocolVersion: null };

test('a request’s own claim makes it modern; initialize stays legacy; a header alone makes a faulty modern one', (t) => {
  t.is(eraOfRequest({ ...request, claimedVersion: '2026-07-28' }), 'modern');
  t.is(eraOfRequest({ ...request, method: 'initialize', protocolVersion: '2026-07-28' }), 'legacy');
  t.is(eraOfRequest({ ...request, method: 'initialize', claimedVersion: '2026-07-28' }), 'modern');
  t.is(eraOfRequest({ ...request, protocolVersion: '2026-07-28' }), 'modern');
  t.is(eraOfRequest({ ...request, protocolVersion: '2025-11-25' }), 'legacy');
  t.is(eraOfRequest(request), 'legacy');
});

test('a revision is modern when its date is that of the first modern one or later, and legacy otherwise', (t) => {
  const legacy = new RegExp(`^(?:${LEGACY_REVISION})$`);
  const date = fc.date({ min: new Date('2020-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
  const near = fc.date({ min: new Date('2026-01-01'), max: new Date('2028-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(fc.oneof(date, near), (day) => {
      const revision = day.toISOString().slice(0, 10);
      const isModern = revision >= FIRST_MODERN_REVISION;
      return isModernRevision(revision) === isModern && legacy.test(revision) === !isModern;
    }),
  );
  for (const no of [null, '', 'DRAFT-2026', 'zzz', '2026-07-27', '2026-07-28x', ' 2026-07-28', '12026-07-28'])
    t.false(isModernRevision(no), String(no));
});
