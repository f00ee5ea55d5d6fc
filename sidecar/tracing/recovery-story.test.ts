import test from 'ava';
import { RecoveryStory } from './recovery-story.ts';
import type { RecoverySteps } from './recovery-trace.ts';

const heard = (): RecoverySteps & { told: string[] } => {
  const told: string[] = [];
  return {
    told,
    waited: (what, fromMs, atMs) => told.push(`${what} ${fromMs}-${atMs}`),
    message: (method, { slot }, atMs) => ({
      headers: (headers) => [...headers, 'traceparent', 'mine'],
      end: (error, endMs) => told.push(`${method} at ${slot} ${atMs}-${endMs} ${error}`),
    }),
  };
};
const REPLICA = { slot: '2', backend: 'stable', address: '127.0.0.1:1' };
const STEPS = ['queue 1-2', 'initialize at 2 3-4 null', 'notifications/initialized at 2 5-6 HTTP 500'];

function play(story: RecoveryStory): string[] {
  story.waited('queue', 1, 2);
  const first = story.message('initialize', REPLICA, 3);
  const headers = first.headers(['a', '1']);
  first.end(null, 4);
  story.message('notifications/initialized', REPLICA, 5).end('HTTP 500', 6);
  return headers;
}

test('who began a recovery and who joined it hear the same of it; replicas see the beginner', (t) => {
  const [beginner, joined] = [heard(), heard()];
  const story = new RecoveryStory(beginner);
  t.deepEqual(play(story), ['a', '1', 'traceparent', 'mine']);
  story.tellTo(joined);
  t.deepEqual(beginner.told, STEPS);
  t.deepEqual(joined.told, STEPS);
});

test('a recovery that nobody traced is told to whoever joins', (t) => {
  const joined = heard();
  const story = new RecoveryStory(null);
  t.deepEqual(play(story), ['a', '1']);
  story.tellTo(joined);
  story.tellTo(null);
  t.deepEqual(joined.told, STEPS);
});
