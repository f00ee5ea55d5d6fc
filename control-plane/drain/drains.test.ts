import test from 'ava';
import { memoryEventLog } from '../events/memory-event-log.ts';
import { fileSharedState } from '../lease/file-shared-state.ts';
import type { DrainTarget } from './drain.ts';
import { drainProgress, QUIET_MS, STALLED_MS, type Remaining } from './drain-progress.ts';
import { Drains, type DrainableReplica } from './drains.ts';

const replica = (name: string, more: Partial<DrainableReplica> = {}): DrainableReplica => ({
  server: 'linear',
  backend: 'stable',
  replica: name,
  address: `10.0.0.1:${name.length}`,
  slot: name,
  isHealthy: true,
  formerIncarnationSeenAtMs: null,
  ...more,
});
const target: DrainTarget = { kind: 'replica', server: 'linear', replica: 'one' };

async function setup() {
  const world = {
    now: 100_000,
    replicas: [replica('one'), replica('three', { backend: 'canary' })] as DrainableReplica[] | null,
    left: { sessions: 3, inFlight: 1, lastActivityMs: 100_000 } as Remaining,
    changes: 0,
    errors: [] as unknown[],
  };
  const state = await fileSharedState(null),
    events = memoryEventLog(() => world.now);
  const open = (isLeader: boolean) =>
    new Drains({
      state,
      events,
      lease: { isLeader, token: 1, leader: null, stop: async () => {} },
      replicas: () => world.replicas,
      gateways: () => ['gateway-1'],
      remainingOn: async () => world.left,
      inFlightOfGateway: async () => world.left.inFlight,
      onChange: () => {
        world.changes++;
      },
      now: () => world.now,
      tickMs: 3_600_000,
      onError: (error) => world.errors.push(error),
    });
  const drains = open(true),
    follower = open(false);
  return {
    world,
    drains,
    follower,
    messages: async () => (await events.list()).map(({ message }) => message),
    stop: () => Promise.all([drains.stop(), follower.stop()]),
  };
}

test('a drain is done when no call is in flight and its sessions are quiet; it stays out until it is taken in again', async (t) => {
  const { world, drains, follower, messages, stop } = await setup();
  t.true('drain' in (await drains.start(target, 60_000, false)));
  await follower.tick();
  t.deepEqual(
    follower.current().map((each) => each.target),
    [target],
  );
  world.now += STALLED_MS;
  await drains.tick();
  t.is(drains.current()[0]!.doneAtMs, null, 'a call is in flight');
  t.is((await drains.status())[0]!.reason, '3 session(s), 1 call(s) in flight left');
  world.left = { sessions: 2, inFlight: 0, lastActivityMs: world.now - QUIET_MS };
  await drains.tick();
  t.is(drains.current()[0]!.doneAtMs, null, 'the gateways have just moved one');
  world.now += STALLED_MS;
  await drains.tick();
  t.is(
    drains.current()[0]!.reason,
    'no call in flight; 2 idle session(s) that only their clients can move will be rebuilt at their next call',
  );
  t.like((await drains.status())[0], { remaining: { sessions: 2 } });
  t.true('drain' in (await follower.end(target)));
  await drains.tick();
  t.deepEqual(drains.current(), []);
  t.deepEqual(await messages(), [
    'linear one: draining, at most 60 s',
    'linear one: drained: no call in flight; 2 idle session(s) that only their clients can move will be rebuilt at their next call',
    'linear one: takes new sessions again',
  ]);
  await stop();
});

test('a drain for a restart ends by itself when a new incarnation is healthy', async (t) => {
  const { world, drains, stop } = await setup();
  await drains.start(target, 1000, true);
  world.now += 1000;
  await drains.tick();
  t.regex(drains.current()[0]!.reason, /deadline reached with 3 session\(s\), 1 call\(s\) in flight/);
  await drains.tick();
  t.is(drains.current().length, 1);
  world.replicas = [replica('one', { formerIncarnationSeenAtMs: world.now })];
  await drains.tick();
  t.is(drains.current().length, 0);
  await stop();
});

test('a replica may be named by its address; a whole backend and a gateway can be drained; asking twice is one drain', async (t) => {
  const { drains, world, stop } = await setup();
  await drains.start({ ...target, replica: '10.0.0.1:3' }, 1000, false);
  await drains.start(target, 5000, false);
  await drains.start({ kind: 'backend', server: 'linear', backend: 'canary' }, 1000, false);
  await drains.start({ kind: 'gateway', gateway: 'gateway-1' }, 1000, false);
  t.deepEqual(
    drains.current().map((each) => each.deadlineAtMs - world.now),
    [5000, 1000, 1000],
  );
  await stop();
});

test('a drain of the last healthy replica or gateway warns, and so does its event', async (t) => {
  const { drains, world, messages, stop } = await setup();
  const warning = async (wanted: DrainTarget) => {
    const answer = await drains.start(wanted, 1000, false);
    return 'warning' in answer ? answer.warning : answer.problem;
  };
  t.is(await warning(target), null, 'the replica three is left');
  const refused =
    'no other healthy replica of linear is left: new sessions are refused, and those on it have nowhere to move';
  t.is(await warning({ kind: 'backend', server: 'linear', backend: 'canary' }), refused);
  t.is((await messages()).at(-1), `linear backend canary: draining, at most 1 s; ${refused}`);
  await drains.end({ kind: 'backend', server: 'linear', backend: 'canary' });
  world.replicas = [replica('one'), replica('three', { isHealthy: false })];
  t.is(await warning(target), refused);
  t.regex(String(await warning({ kind: 'gateway', gateway: 'gateway-1' })), /no other gateway is left/);
  await stop();
});

test('a gateway is drained when it holds no call any more', async (t) => {
  const { drains, world, stop } = await setup();
  await drains.start({ kind: 'gateway', gateway: 'gateway-1' }, 60_000, false);
  world.now += QUIET_MS;
  await drains.tick();
  t.is(drains.current()[0]!.doneAtMs, null);
  t.like((await drains.status())[0], { remaining: { sessions: 0, inFlight: 1 } });
  world.left = { ...world.left, inFlight: 0 };
  await drains.tick();
  t.is(drains.current()[0]!.reason, 'no call in flight');
  await stop();
});

test('what is not there is a problem that says what is', async (t) => {
  const { drains, world, stop } = await setup();
  const problem = async (wanted: DrainTarget) =>
    ((await drains.start(wanted, 1000, false)) as { problem: string }).problem;
  t.is(await problem({ ...target, server: 'liner' }), 'there is no server liner; there are linear');
  t.is(await problem({ ...target, replica: 'two' }), 'linear has no replica two; it has one, three');
  t.is(
    await problem({ kind: 'backend', server: 'linear', backend: 'green' }),
    'linear has no backend green with replicas; it has stable, canary',
  );
  t.is(await problem({ kind: 'gateway', gateway: 'gateway-9' }), 'there is no gateway gateway-9; there are gateway-1');
  t.is(((await drains.end(target)) as { problem: string }).problem, 'linear one is not drained; drained: nothing');
  t.is(world.changes, 0);
  await stop();
});

test('progress: too early, nothing left, gone, deadline', (t) => {
  const drain = { target, startedAtMs: 0, deadlineAtMs: 60_000, untilRestart: false, doneAtMs: null, reason: '' };
  const none: Remaining = { sessions: 0, inFlight: 0, lastActivityMs: null },
    some: Remaining = { sessions: 3, inFlight: null, lastActivityMs: 0 };
  t.deepEqual(drainProgress(drain, none, false, 0, 0), {
    isDone: false,
    reason: '0 session(s), 0 call(s) in flight left',
  });
  t.deepEqual(drainProgress(drain, none, false, 0, 1000), { isDone: true, reason: 'nothing is left' });
  t.deepEqual(
    drainProgress(drain, some, false, 0, 50_000),
    { isDone: false, reason: '3 session(s) left' },
    'nobody counts calls: only the deadline ends it',
  );
  t.true(drainProgress(drain, some, true, 0, 1).isDone);
  t.regex(drainProgress(drain, some, false, 0, 60_000).reason, /deadline/);
});

test('a leader that does not know the replicas yet takes none of them for gone', async (t) => {
  const { drains, world, stop } = await setup();
  await drains.start(target, 60_000, false);
  const { replicas } = world;
  world.replicas = null;
  await drains.tick();
  t.is(drains.current()[0]!.doneAtMs, null);
  world.replicas = replicas!.filter(({ replica: name }) => name !== 'one');
  await drains.tick();
  t.is(drains.current()[0]!.doneAtMs, world.now);
  await stop();
});

test('a drain for a restart of a replica that is down already ends as well when a new incarnation is healthy', async (t) => {
  const { drains, world, stop } = await setup();
  const is = (more: Partial<DrainableReplica>): void => {
    world.replicas = [replica('one', more)];
  };
  is({ isHealthy: false });
  await drains.start(target, 1000, true);
  is({ formerIncarnationSeenAtMs: world.now - 5000 });
  await drains.tick();
  t.is(drains.current().length, 1, 'the same incarnation is well again: nobody has restarted it');
  is({ formerIncarnationSeenAtMs: world.now - 5000, slot: 'another', isHealthy: false });
  await drains.tick();
  t.is(drains.current().length, 1);
  is({ formerIncarnationSeenAtMs: world.now - 5000, slot: 'another' });
  await drains.tick();
  t.is(drains.current().length, 0);
  await stop();
});

test('a bug is reported, and a state that can’t be reached is not', async (t) => {
  const { world, drains, stop } = await setup();
  t.teardown(stop);
  await drains.start(target, 60_000, false);
  const { left } = world;
  Object.defineProperty(world, 'left', {
    configurable: true,
    get: () => {
      throw new Error('Connection is closed.');
    },
  });
  await drains.tick();
  t.deepEqual(world.errors, []);
  Object.defineProperty(world, 'left', { configurable: true, value: null });
  await drains.tick();
  t.true(world.errors.length === 1 && world.errors[0] instanceof TypeError);
  Object.defineProperty(world, 'left', { value: left });
  await drains.tick();
  t.is(world.errors.length, 1);
});
