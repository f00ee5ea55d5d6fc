import type { Scenario } from '../scenario.ts';
import { freezeGateway, killEdge, killGatewayBehindEdges } from './behind-edges.ts';
import { killReplica } from './kill-replica.ts';
import { hangReplica } from './hang-replica.ts';
import { killControlPlane, killGateway, killSidecar } from './kill-process.ts';
import { hangRedis } from './hang-redis.ts';
import { redisDown, redisFailover } from './redis.ts';
import { restartEmpty, rolling } from './restart-replica.ts';
import { splitBrain } from './split-brain.ts';
import { stampede } from './stampede.ts';

export const scenarios: readonly Scenario[] = [
  killReplica,
  restartEmpty,
  rolling,
  hangReplica,
  killGateway,
  freezeGateway,
  killGatewayBehindEdges,
  killEdge,
  killSidecar,
  killControlPlane,
  redisDown,
  redisFailover,
  hangRedis,
  splitBrain,
  stampede,
];
