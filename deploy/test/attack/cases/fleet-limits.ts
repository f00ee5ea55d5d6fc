import { setTimeout as pause } from 'node:timers/promises';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE } from '../attack-mesh.ts';
import { ATTACKER, exchange, MCP_HEADERS, messageOf } from '../http-client.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';

const GATEWAYS = 3;
const RATE = 20;
const BURST = 30;
const PHASE_MS = 5000;
/** Calls that one attacker has under way at each gateway. */
const WORKERS = 4;

/** What becomes of Redis in the middle of the three phases. */
const AWAY: Record<string, { leave: (mesh: Mesh) => unknown; comeBack: (mesh: Mesh) => unknown }> = {
  'redis-hangs': {
    leave: (mesh) => mesh.redis?.process.pause(),
    comeBack: (mesh) => mesh.redis?.process.resume(),
  },
  'redis-dies': { leave: (mesh) => mesh.redis?.process.kill(), comeBack: () => undefined },
};

/** One client that calls as fast as it can through three gateways, with Redis there, away, and there again. */
export const fleetLimits: AttackCase[] = casesOf(
  'fleet-limits',
  { finding: '13', goal: 'never more than the limit and one burst per gateway', isAlone: true, isSlow: true },
  AWAY,
  async (_, { leave, comeBack }) => {
    const fleetLimits = [{ name: 'all', requests: RATE, perMs: 1000, burst: BURST }];
    await using mesh = await startMesh({
      gateways: GATEWAYS,
      servers: { linear: { replicas: 1, settings: { fleetLimits } } },
    });
    let taken = 0,
      refused = 0,
      isOver = false;
    const post = (gateway: number, message: object, headers: Record<string, string> = {}) =>
      exchange(mesh.url('linear', gateway), {
        headers: { ...MCP_HEADERS, ...headers },
        body: JSON.stringify(message),
        from: ATTACKER,
      });
    const work = async (gateway: number): Promise<void> => {
      const begun = await post(gateway, INITIALIZE);
      const session = { 'mcp-session-id': String(begun.headers['mcp-session-id']) };
      await post(gateway, { jsonrpc: '2.0', method: 'notifications/initialized' }, session);
      while (!isOver) {
        const answer = await post(gateway, callOf('whoami'), session);
        if (messageOf(answer)?.['result']) taken += 1;
        else refused += 1;
      }
    };
    const startedAt = performance.now();
    const workers = Array.from({ length: GATEWAYS * WORKERS }, (__, at) => work(at % GATEWAYS));
    const most = (bursts: number): number =>
      Math.ceil(bursts * BURST + ((performance.now() - startedAt) / 1000) * RATE);
    await pause(PHASE_MS);
    const [before, mostBefore] = [taken, most(1)];
    await leave(mesh);
    await pause(PHASE_MS);
    const [away, mostAway] = [taken, most(1 + GATEWAYS)];
    await comeBack(mesh);
    await pause(PHASE_MS);
    isOver = true;
    await Promise.all(workers);
    const mostAtEnd = most(1 + GATEWAYS);
    return judge(
      {
        'no more than the limit': before <= mostBefore,
        'no more than a burst for each gateway besides': away <= mostAway,
        'nor afterwards': taken <= mostAtEnd,
        'the limit was met': refused > 0 && taken > RATE,
      },
      `${before} of at most ${mostBefore}; ${away} of ${mostAway} after Redis was away; ${taken} of ${mostAtEnd} in the end; ${refused} refused`,
    );
  },
);
