import type { Surface } from '../surface.ts';
import { accessLogs, extProc, http2, xds } from './grpc.ts';
import { httpRequests } from './http-requests.ts';
import { redisContent } from './redis.ts';
import { replicaAnswers } from './replica-answers.ts';
import { rpcBodies } from './rpc-bodies.ts';

export const SURFACES: readonly Surface[] = [
  rpcBodies,
  httpRequests,
  replicaAnswers,
  extProc,
  accessLogs,
  xds,
  http2,
  redisContent,
];
