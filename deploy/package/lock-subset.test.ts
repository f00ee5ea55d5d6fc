import test from 'ava';
import { lockSubset, type Lock } from './lock-subset.ts';

const lock: Lock = {
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0', dependencies: { b: '^1.0.0' }, optionalDependencies: { missing: '*' } },
    'node_modules/a/node_modules/b': { version: '1.5.0', dependencies: { c: '*' } },
    'node_modules/b': { version: '2.0.0' },
    'node_modules/c': {
      version: '3.0.0',
      devOptional: true,
      peerDependencies: { d: '*', e: '*' },
      peerDependenciesMeta: { e: { optional: true } },
    },
    'node_modules/d': { version: '4.0.0', dev: true },
    'node_modules/e': { version: '5.0.0' },
  },
};

test('what a package needs is found as Node finds it: the nearest one, at any distance, required peers too', (t) => {
  t.deepEqual(Object.keys(lockSubset(lock, ['a'])), [
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/c',
    'node_modules/d',
  ]);
});

test('nothing is marked as needed for development only', (t) => {
  t.deepEqual(lockSubset(lock, ['d']), { 'node_modules/d': { version: '4.0.0' } });
});

test('a package that is not locked is an error with its name', (t) => {
  t.throws(() => lockSubset(lock, ['nowhere']), { message: 'nowhere is not in the lockfile' });
});
