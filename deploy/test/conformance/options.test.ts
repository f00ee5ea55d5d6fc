import test from 'ava';
import { USAGE, readConformanceOptions } from './options.ts';
import { SPEC_VERSIONS } from './suite.ts';

test('without flags every revision runs, with the guard on and off', (t) => {
  t.deepEqual(readConformanceOptions([]), {
    versions: [...SPEC_VERSIONS],
    guards: ['on', 'off'],
    isDirectOnly: false,
    kills: false,
    json: false,
  });
});

test('flags choose revisions, guard and kills', (t) => {
  t.deepEqual(readConformanceOptions(['--spec-version', '2025-06-18', '--guard', 'off', '--kill', '--json']), {
    versions: ['2025-06-18'],
    guards: ['off'],
    isDirectOnly: false,
    kills: true,
    json: true,
  });
});

test('a wrong flag or value is answered with what was expected', (t) => {
  t.is(
    readConformanceOptions(['--spec-version', '2024-01-01']),
    `--spec-version 2024-01-01: expected one of ${SPEC_VERSIONS.join(', ')}`,
  );
  t.is(readConformanceOptions(['--guard', 'maybe']), '--guard maybe: expected on, off or both');
  t.regex(String(readConformanceOptions(['--nonsense'])), /nonsense/);
  t.is(readConformanceOptions(['--help']), USAGE);
});
