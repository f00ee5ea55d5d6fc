import test from 'ava';
import { edgeFindings, misplacedSupport, testSupport, type Module } from './imports.ts';

const module = (source: string, ...imports: string[]): Module => ({
  source,
  dependencies: imports.map((each) => ({
    resolved: each.replace('type ', ''),
    dependencyTypes: each.startsWith('type ') ? ['type-only'] : ['import'],
  })),
});
const REDIS = 'node_modules/ioredis/built/index.js';

test('support is what only tests load, at any distance', (t) => {
  t.deepEqual(
    [
      ...testSupport([
        module('a.test.ts', 'fake.ts', 'real.ts'),
        module('fake.ts', 'fake-part.ts'),
        module('deploy/test/chaos/main.ts', 'fake.ts'),
        module('deploy/test/servers/linear/main.ts', 'real.ts', 'server.ts'),
        module('main.ts', 'real.ts'),
      ]),
    ].sort(),
    ['fake-part.ts', 'fake.ts'],
  );
});

test('one file of a folder loads an edge package; types, tests and their support are free', (t) => {
  t.is(edgeFindings([module('sidecar/a/b.ts', REDIS), module('sidecar/a/c.ts', REDIS)]).length, 1);
  t.is(edgeFindings([module('sidecar/a/b.ts', REDIS), module('sidecar/d/c.ts', REDIS)]).length, 0);
  t.is(edgeFindings([module('sidecar/a/b.ts', REDIS), module('sidecar/a/c.ts', `type ${REDIS}`)]).length, 0);
  const support = [
    module('sidecar/a/b.ts', REDIS),
    module('sidecar/a/stub.ts', REDIS),
    module('sidecar/a/b.test.ts', 'sidecar/a/stub.ts'),
  ];
  t.is(edgeFindings(support).length, 0);
});

test('what only tests load stands in testing/ of its folder', (t) => {
  const modules = [
    module('sidecar/a/b.test.ts', 'sidecar/a/fake.ts', 'sidecar/a/testing/fake.ts', 'sidecar/a/real.ts'),
    module('sidecar/main.ts', 'sidecar/a/real.ts'),
  ];
  t.deepEqual(
    misplacedSupport(modules).map(({ place }) => place),
    ['sidecar/a/fake.ts'],
  );
});
