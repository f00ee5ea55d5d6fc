import { setTimeout as pause } from 'node:timers/promises';
import { atMost, exactly } from '../../report/objectives.ts';
import type { Gateway } from '../../mesh/start-gateway.ts';
import type { Call } from '../call-log.ts';
import type { Chaos, Scenario } from '../scenario.ts';
import { executedAtMostOnce, provesSomething } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';
import { openWhile, type Part } from './while-down.ts';

/** Population's slow calls take this long on their server. */
const WORK_MS = 600;
/** Within it a client is told what became of a call on a gateway or an edge that is gone. */
const TOLD_MS = 2000;

/** A whole node that keeps its connections and answers nothing, as one whose machine swaps, or whose VM is moved. */
const frozen = ({ name, envoy, sidecars }: Gateway): Part => {
  const all = [envoy.process, ...sidecars.map(({ process }) => process)];
  return {
    name,
    kill: async () => {
      for (const process of all) process.pause();
    },
    start: async () => {
      for (const process of all) process.resume();
    },
  };
};

async function loseOne(chaos: Chaos, how: string, part: Part): Promise<void> {
  await pause(2000);
  await chaos.disturb(`${how} ${part.name}`, () => part.kill());
  await openWhile(chaos, chaos.seconds * 500);
  await part.start();
  await pause(2000);
}

const judge: Scenario['judge'] = ({ disturbances, executions }, calls) => {
  const { atMs = 0 } = disturbances[0] ?? {};
  // A read that is sent again works once more; an error is told without any work.
  const workMs = ({ tool }: Call): number => (tool === 'wait' ? WORK_MS : 0);
  const waitMs = (call: Call): number => call.endedAtMs - Math.max(call.startedAtMs, atMs) - workMs(call);
  const met = calls.filter(({ startedAtMs, endedAtMs }) => endedAtMs >= atMs && startedAtMs <= atMs + 20_000);
  return [
    ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
    exactly('calls that hung', 0, calls.filter(({ result }) => result.kind === 'hang').length),
    exactly(
      'calls that failed without saying what became of them',
      0,
      calls.filter(({ result }) => result.kind === 'error').length,
    ),
    exactly(
      'safe calls that failed',
      0,
      calls.filter(({ kind, result }) => kind !== 'unsafe' && result.kind !== 'answered').length,
    ),
    atMost('slowest call from then on, without its own work (ms)', TOLD_MS, Math.max(0, ...met.map(waitMs))),
    ...executedAtMostOnce(calls, executions()),
    lostSessions(calls),
  ];
};

const mesh = { gateways: 2, edges: 2 };

export const freezeGateway: Scenario = {
  name: 'freeze-gateway',
  description:
    'behind edges, a whole gateway node is stopped with SIGSTOP: it keeps its connections and answers nothing',
  mesh,
  play: (chaos) => loseOne(chaos, 'SIGSTOP', frozen(chaos.mesh.gateways[0]!)),
  judge,
};

export const killGatewayBehindEdges: Scenario = {
  name: 'kill-gateway-behind-edges',
  description: 'behind edges, a whole gateway node is gone',
  mesh,
  play: (chaos) => loseOne(chaos, 'SIGKILL', chaos.mesh.gateways[0]!),
  judge,
};

export const killEdge: Scenario = {
  name: 'kill-edge',
  description: 'one of two edges is gone; the clients’ next requests go to the other one',
  mesh,
  play: (chaos) => loseOne(chaos, 'SIGKILL', chaos.mesh.edges[0]!.envoy.process),
  // Of an answer that has not begun, only the client's own connection can tell that its edge is gone; it does so at once.
  judge: (chaos, calls) => {
    const { atMs = 0 } = chaos.disturbances[0] ?? {};
    const wasUnderWay = ({ startedAtMs, endedAtMs }: Call): boolean =>
      startedAtMs <= atMs && endedAtMs <= atMs + TOLD_MS;
    return judge(
      chaos,
      calls.filter((call) => !(call.result.kind === 'error' && wasUnderWay(call))),
    );
  },
};
