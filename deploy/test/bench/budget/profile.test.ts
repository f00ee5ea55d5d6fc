import test from 'ava';
import { sharesOf } from './profile.ts';

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url },
  children,
});

test('time between two moments is shared out by place, without what was idle', (t) => {
  const profile = {
    nodes: [
      node(1, '(root)', ''),
      node(2, '(idle)', ''),
      node(3, 'parse', 'file:///work/node_modules/undici/lib/client.js'),
      node(4, 'onData', 'node:_http_server', [7, 8]),
      node(5, 'call', 'file:///work/sidecar/relay/call/call.ts'),
      node(6, '(garbage collector)', ''),
      // Written in C++: a write has a place of its own, anything else is its caller's.
      node(7, 'writev', ''),
      node(8, 'consume', ''),
    ],
    startTime: 1000,
    samples: [3, 2, 3, 4, 5, 6, 7, 8],
    // A sample's time lasts until the next one; the first is before the stretch.
    timeDeltas: [0, 100, 100, 30, 5, 20, 40, 10, 5],
  };
  const shares = sharesOf(JSON.stringify(profile), 1050, 2000);
  t.deepEqual(
    shares.map(([place, share]) => [place, Math.round(share * 100)]),
    [
      ['garbage collector', 36],
      ['undici: HTTP with the replica', 27],
      ['sidecar/relay', 18],
      ['node:http: HTTP with Envoy', 9],
      ['writes to sockets', 9],
    ],
  );
});
