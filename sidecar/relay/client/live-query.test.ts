import test from 'ava';
import { liveQuery } from './live-query.ts';

test('the query of a request goes along as it is, without the mesh’s own part', (t) => {
  t.is(liveQuery('/mcp'), '');
  t.is(liveQuery('/mcp?'), '');
  t.is(liveQuery('/mcp?apiKey=a%20b&toolsets=x,y&flag'), '?apiKey=a%20b&toolsets=x,y&flag');
  t.is(liveQuery('/mcp?holdfast-session=0~A'), '');
  t.is(liveQuery('/mcp?key=k&holdfast-session=0~A&x=1'), '?key=k&x=1');
});
