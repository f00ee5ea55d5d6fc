import { exactly } from '../../report/objectives.ts';
import type { Call } from '../call-log.ts';
import type { Scenario } from '../scenario.ts';
import { executedAtMostOnce, newSessionErrors, provesSomething } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';
import { loseForAWhile, nobodyNoticed } from './while-down.ts';

export const killSidecar: Scenario = {
  name: 'kill-sidecar',
  description: 'one gateway loses its sidecar; Envoy goes on, a neighbour’s sidecar answers for new sessions',
  mesh: { servers: { linear: { replicas: 3, settings: { guard: [] } } } },
  play: (chaos) => loseForAWhile(chaos, chaos.mesh.gateways[0]!.sidecars[0]!.process),
  judge: nobodyNoticed,
};

export const killControlPlane: Scenario = {
  name: 'kill-control-plane',
  description: 'the control plane is gone, then comes back',
  play: (chaos) => loseForAWhile(chaos, chaos.mesh.controlPlane.process),
  judge: nobodyNoticed,
};

export const killGateway: Scenario = {
  name: 'kill-gateway',
  description: 'a whole gateway node is gone: Envoy and sidecar; the clients’ next requests go to the other one',
  play: (chaos) => loseForAWhile(chaos, chaos.mesh.gateways[0]!),
  judge({ disturbances, executions }, calls) {
    const { atMs = 0, doneAtMs = atMs } = disturbances[0] ?? {};
    const wasInFlight = (call: Call): boolean => call.startedAtMs <= doneAtMs && call.endedAtMs >= atMs;
    const failed = calls.filter(({ result }) => result.kind !== 'answered');
    return [
      ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
      exactly(
        'failed calls that were not in flight on the killed node',
        0,
        failed.filter((call) => !wasInFlight(call)).length,
      ),
      exactly('calls that hung', 0, calls.filter(({ result }) => result.kind === 'hang').length),
      newSessionErrors(calls),
      ...executedAtMostOnce(calls, executions()),
      lostSessions(calls),
    ];
  },
};
