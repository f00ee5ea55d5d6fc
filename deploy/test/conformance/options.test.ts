import test from 'ava';
import { formatOptionProblem, readCommandLine } from '../../../proto/command-line.ts';
import { conformanceCommand, readConformanceOptions } from './options.ts';
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
  const problems = (...argv: string[]): string[] => {
    const read = readCommandLine(conformanceCommand(), argv);
    return read.kind === 'bad' ? read.problems.map(formatOptionProblem) : [read.kind];
  };
  t.deepEqual(problems('--spec-version', '2024-01-01'), [
    `--spec-version 2024-01-01: expected one of ${SPEC_VERSIONS.join(', ')}`,
  ]);
  t.deepEqual(problems('--guard', 'maybe'), ['--guard maybe: expected one of on, off, both']);
  t.deepEqual(problems('--guad', 'on'), ['--guad: expected a known option. Did you mean --guard?']);
  t.deepEqual(problems('--help'), ['information']);
});
