import test from 'ava';
import { add, closingLine, tapReader } from './tap-reader.ts';

const TAP = [
  'TAP version 13',
  'ok 1 - a › works',
  '# a comment',
  'not ok 2 - a › fails',
  '  ---',
  '    message: boom',
  '  ...',
  'ok 3 - a › later # SKIP',
  '',
  '1..3',
  '# tests 3',
  '# pass 1',
  '# fail 1',
];

test('tests are counted from their own lines, diagnoses are shown, the rest is not', (t) => {
  const reader = tapReader();
  t.deepEqual(
    TAP.map((line) => reader.read(line)).filter((line) => line !== undefined),
    ['  ✔ a › works', '  ✘ a › fails', '      ---', '        message: boom', '      ...', '  - a › later # SKIP'],
  );
  t.deepEqual(reader.count, { passed: 1, failed: 1, skipped: 1 });
  t.true(reader.hasPlan);
  t.deepEqual(reader.failures, [['  ✘ a › fails', '      ---', '        message: boom', '      ...']]);
});

test('the closing line has the form that CI reads', (t) => {
  t.is(closingLine({ passed: 3, failed: 0, skipped: 0 }), '3 passed, 0 failed');
  t.is(
    closingLine(add({ passed: 3, failed: 0, skipped: 0 }, { passed: 1, failed: 2, skipped: 1 })),
    '4 passed, 2 failed, 1 skipped',
  );
});
