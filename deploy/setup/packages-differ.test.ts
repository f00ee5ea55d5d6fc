import test from 'ava';
// @ts-expect-error plain JavaScript, because it runs before anything is installed
import { packagesDiffer } from './packages-differ.js';

const locked = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } },
};

test('nothing installed is a difference', (t) => {
  t.true(packagesDiffer(locked, undefined));
});

test('a package of another version, or a missing one, is a difference', (t) => {
  t.true(packagesDiffer(locked, { packages: { 'node_modules/a': { version: '1.0.1' } } }));
  t.true(packagesDiffer(locked, { packages: {} }));
});

test('a missing optional package is none: it may be for another platform', (t) => {
  t.false(packagesDiffer(locked, { packages: { 'node_modules/a': { version: '1.0.0' } } }));
});

test('without a lockfile there is nothing to compare with', (t) => {
  t.false(packagesDiffer(undefined, undefined));
});
