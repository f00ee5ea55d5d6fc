import test from 'ava';
import type { ServerTopology } from '../topology/topology.ts';
import { statusOf, type McpServerStatus, type StatusInput } from './status.ts';

const NOON = new Date('2026-01-01T12:00:00.123Z'),
  LATER = new Date('2026-01-01T13:00:00Z');
const topology = (...states: string[]): ServerTopology =>
  ({ endpoints: states.map((state) => ({ state })), lostSlots: ['old'] }) as unknown as ServerTopology;
const input = (more: Partial<StatusInput>): StatusInput => ({
  generation: 3,
  server: 'linear',
  refused: null,
  topology: topology('healthy', 'unhealthy', 'draining'),
  problems: [],
  ...more,
});
const said = ({ conditions }: McpServerStatus): string =>
  conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join(', ');

test('replicas, slots, path and problem are those of the mesh', (t) => {
  const status = statusOf(input({}), undefined, NOON);
  t.like(status, {
    replicas: '2/3',
    slots: 3,
    lostSlots: 1,
    path: '/mcp/linear',
    problem: null,
    observedGeneration: 3,
  });
  t.is(said(status), 'Accepted True Accepted, Ready True Healthy');
  t.is(status.conditions[0]?.lastTransitionTime, '2026-01-01T12:00:00Z');
  const none = statusOf(input({ topology: undefined, problems: ['there is no Service x'] }), undefined, NOON);
  t.like(none, { replicas: '0/0', problem: 'there is no Service x' });
  t.is(said(none), 'Accepted True Accepted, Ready False NoHealthyReplica');
});

test('one that has no effect says why, and nothing of somebody else’s server of that name', (t) => {
  const status = statusOf(input({ refused: 'the name is taken' }), undefined, NOON);
  t.like(status, { replicas: '0/0', slots: 0, lostSlots: 0, problem: 'the name is taken' });
  t.is(said(status), 'Accepted False Refused, Ready False Refused');
});

test('a condition that stays keeps its time; one that changes gets a new one', (t) => {
  const before = statusOf(input({}), undefined, NOON);
  t.deepEqual(statusOf(input({}), before, LATER), before);
  const after = statusOf(input({ topology: topology('unhealthy') }), before, LATER);
  t.deepEqual(
    after.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    ['2026-01-01T12:00:00Z', '2026-01-01T13:00:00Z'],
  );
});
