import test from 'ava';
import { configOf } from '../resources/golden-cases.ts';
import type { SourceReport } from '../discovery/source.ts';
import { knownReplicas } from './known-replicas.ts';

const config = configOf(
  'servers: [{name: linear, backends: [{name: stable, discovery: {type: file, path: a}}, {name: canary, discovery: {type: file, path: b}}]}]',
);
const report = (...replicas: Array<[string, string]>): SourceReport => ({
  replicas: replicas.map(([name, address]) => ({ name, address, isTerminating: false })),
  problem: null,
  confirmedAtMs: 1,
});

test('nothing is complete until every source has answered once', (t) => {
  const first = knownReplicas(
    config,
    new Map([
      ['linear/stable', report(['a', '10.0.0.1:1'])],
      ['linear/canary', { replicas: null, problem: 'no such file', confirmedAtMs: null }],
    ]),
  );
  t.false(first.isComplete);
  t.deepEqual(
    first.replicas.map(({ name }) => name),
    ['a'],
  );
  t.true(
    knownReplicas(
      config,
      new Map([
        ['linear/stable', report()],
        ['linear/canary', report()],
      ]),
    ).isComplete,
  );
});

test('an address belongs to the first backend that names it; equal names are told apart by their backend', (t) => {
  const { replicas } = knownReplicas(
    config,
    new Map([
      ['linear/stable', report(['pod-1', '10.0.0.1:1'])],
      ['linear/canary', report(['again', '10.0.0.1:1'], ['pod-1', '10.0.0.2:1'])],
    ]),
  );
  t.deepEqual(
    replicas.map(({ backend, name, address }) => `${backend} ${name} ${address}`),
    ['stable pod-1 10.0.0.1:1', 'canary canary/pod-1 10.0.0.2:1'],
  );
});
