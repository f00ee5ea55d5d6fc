import test from 'ava';
import type { MeshEvent } from '../events/event.ts';
import { bucketOf } from '../../proto/watch/latency-buckets.ts';
import type { WatchReport } from '../../proto/watch/watch-messages.ts';
import { SharedLiveFeed, type LiveMessage } from './live-feed.ts';

const event = (id: string): MeshEvent => ({
  ...{ id, atMs: 1, kind: 'x', level: 'info', server: null, subject: null, message: id, data: {} },
});

function sample(maxWatchers = 2) {
  const world = {
    part: 1,
    looks: 0,
    slowLooks: 0,
    events: [event('1-0'), event('2-0')],
    gatewaysAsked: 0,
    many: { 'server:linear': 1 } as Record<string, unknown>,
    refused: 0,
  };
  let tell: (report: WatchReport) => void = () => undefined;
  const feed = new SharedLiveFeed({
    sections: {
      part: {
        everyMs: 0,
        read: () => {
          world.looks++;
          if (world.part < 0) throw new Error('away');
          return world.part;
        },
      },
      checks: { everyMs: 3_600_000, afterEvents: true, read: () => ++world.slowLooks },
      seldom: { everyMs: 3_600_000, read: () => world.slowLooks },
    },
    many: () => world.many,
    events: {
      list: async ({ afterId } = {}) => world.events.slice(world.events.findIndex(({ id }) => id === afterId) + 1),
    },
    calls: {
      isFull: false,
      reports: (onReport, signal) => {
        world.gatewaysAsked++;
        tell = onReport;
        signal.addEventListener('abort', () => world.gatewaysAsked--);
      },
    },
    now: Date.now,
    onError: () => undefined,
    maxWatchers: () => maxWatchers,
    onWatchers: () => undefined,
    onRefused: () => world.refused++,
  });
  return { feed, world, tell: (report: WatchReport) => tell(report) };
}

/** Reads until a message of this name comes that `is` what is wanted. */
async function until(stream: AsyncGenerator<LiveMessage>, name: string, is: (data: unknown) => boolean = () => true) {
  for (;;) {
    const { value, done } = await stream.next();
    if (done) throw new Error('the stream ended');
    if (value.event === name && is(value.data)) return value.data;
  }
}

test('pages share one watch of the gateways, which ends with the last of them', async (t) => {
  const { feed, world, tell } = sample();
  const [one, other] = [new AbortController(), new AbortController()];
  const streams = [feed.follow(undefined, one.signal), feed.follow('1-0', other.signal)] as const;
  t.is(await until(streams[0], 'part'), 1);
  t.like(await until(streams[1], 'event'), { id: '2-0' }, 'after the one that it had');
  t.is(world.gatewaysAsked, 1);
  t.true(feed.isFull);
  tell({
    ...{ node: 'gateway-1', calls: [], dropped: 0 },
    tallies: [{ server: 'linear', name: 'search', slot: 'a', outcomes: { success: 8 }, buckets: [[bucketOf(10), 8]] }],
  });
  t.like(await until(streams[0], 'rates', (data) => (data as { servers: unknown[] }).servers.length > 0), {
    servers: [{ server: 'linear' }],
    replicas: [['linear', 'a']],
  });
  one.abort();
  t.false(feed.isFull);
  t.is(world.gatewaysAsked, 1);
  other.abort();
  t.deepEqual([feed.watchers, world.gatewaysAsked], [0, 0]);
  const { looks } = world;
  for (const stream of streams) while (!(await stream.next()).done);
  t.is(world.looks, looks, 'nobody looks any more');
});

test('a page that watches for long leaves nothing behind on its connection', async (t) => {
  const { feed, world } = sample();
  const end = new AbortController();
  let listeners = 0;
  const add = end.signal.addEventListener.bind(end.signal);
  end.signal.addEventListener = (...given: Parameters<typeof add>) => {
    listeners++;
    add(...given);
  };
  const stream = feed.follow(undefined, end.signal);
  for (let part = 1; part <= 3; part++) {
    world.part = part;
    t.is(await until(stream, 'part', (data) => data === part), part);
  }
  t.is(listeners, 1);
  const waiting = until(stream, 'part', (data) => data === 4);
  end.abort();
  await t.throwsAsync(waiting, { message: 'the stream ended' });
});

test('a part that changed is sent again, one that is gone is null, and one that can’t be read stays', async (t) => {
  const { feed, world } = sample();
  const end = new AbortController();
  const stream = feed.follow(undefined, end.signal);
  t.is(await until(stream, 'part'), 1);
  world.part = 2;
  t.is(await until(stream, 'part'), 2);
  world.part = -1;
  world.many = {};
  t.is(await until(stream, 'server:linear', (data) => data === null), null);
  world.part = 3;
  t.is(await until(stream, 'part'), 3);
  end.abort();
});

test('a part that events may change is read again after one, and not before', async (t) => {
  const { feed, world } = sample();
  const end = new AbortController();
  const stream = feed.follow(undefined, end.signal);
  // The events of the time before count as well: they are new to whoever looks for the first time.
  t.is(await until(stream, 'checks', (data) => data === 2), 2);
  for (const part of [2, 3]) {
    world.part = part;
    await until(stream, 'part', (data) => data === part);
  }
  t.is(world.slowLooks, 2);
  world.events.push(event('3-0'));
  t.is(await until(stream, 'checks', (data) => data === 3), 3);
  end.abort();
});

test('a page that was turned away is counted', (t) => {
  const { feed, world } = sample(0);
  t.true(feed.isFull);
  feed.refused();
  t.is(world.refused, 1);
});

test('a page has its place as soon as it is let in, before anything of it is read', (t) => {
  const { feed } = sample(2);
  const leave = new AbortController();
  feed.follow(undefined, leave.signal);
  t.false(feed.isFull);
  feed.follow(undefined, leave.signal);
  t.true(feed.isFull);
  leave.abort();
  t.is(feed.watchers, 0);
  feed.follow(undefined, leave.signal);
  t.is(feed.watchers, 0, 'one that has left already');
});
