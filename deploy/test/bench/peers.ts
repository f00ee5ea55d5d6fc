import { comparePeers } from './peers/compare-peers.ts';
import type { Bench } from './main.ts';

export const bench: Bench = {
  description: 'speed and failover of Holdfast and of what people would use instead, in one run on this machine',
  run: ({ say, seconds, peer, only }) => comparePeers({ say, seconds, peer, only }),
};
