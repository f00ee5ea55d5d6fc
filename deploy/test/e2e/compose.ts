import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../proto/command-line.ts';
import { count, type Call } from '../chaos/call-log.ts';
import { Population } from '../chaos/population.ts';
import { connectClient } from '../clients/connect-client.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { atMost, exactly, type Objective } from '../report/objectives.ts';
import { printReport, say as sayTo } from '../report/print-report.ts';
import { startComposition, type Composition } from './compose/composition.ts';
import { failoverFetch } from '../clients/failover-fetch.ts';
import { hardening } from './compose/hardening.ts';
import { SCENARIOS, rebuildGateways, type Stage } from './compose/scenarios.ts';
import { counted, firingAlerts } from './compose/prometheus.ts';
import { neededImages } from './compose/needed-images.ts';
import { findCompose, missingImages } from './compose/run-docker.ts';

const { values } = commandLine<{ sessions: number; keep: boolean; json: boolean }>(
  new Command('npm run e2e:compose --')
    .description('Runs docker-compose.yml for real; needs Docker.')
    .option('--sessions <n>', 'sessions at a time', wholeNumber(1, 5000), 40)
    .option('--keep', 'leave everything running', false)
    .option('--json', 'objectives as JSON', false),
);
const say = sayTo(values.json);
const found = await findCompose();
if (found.kind === 'none') {
  say(`e2e:compose is skipped: ${found.why}. It runs docker-compose.yml for real and needs Docker.`);
  process.exit(0);
}
const missing = await missingImages(neededImages());
if (missing.length > 0) {
  say(`e2e:compose is skipped: ${missing.join(', ')} are not here and can’t be pulled.`);
  process.exit(0);
}

const HANG_MS = 15_000;
const objectives: Objective[] = [];
const failed = (call: Call): boolean => call.result.kind !== 'answered';
const TOOL_CALLS = 'mcp_requests_total{method="tools/call",server_id="linear"}';

async function sessionAcrossGateways(composition: Composition): Promise<void> {
  const { edges } = composition;
  const health = await fetch(`${edges[0]}/health`);
  objectives.push(
    exactly(
      'health through the balancer',
      '200 healthy',
      `${health.status} ${((await health.json()) as { status: string }).status}`,
    ),
  );
  const client = await connectClient({ kind: 'v1', url: `${edges[0]}/mcp/linear` });
  const replicas = new Set<string>();
  // Least request over three gateways: thirty calls through two edges meet all of them.
  for (let call = 0; call < 30; call++)
    replicas.add(((await client.callTool('whoami')).data as { replica: { name: string } }).replica.name);
  await client.close();
  await pause(3000);
  const perGateway = await Promise.all(
    [1, 2, 3].map((n) =>
      counted(composition.prometheus, `mcp_requests_total{method="tools/call",server_id="linear",node="gateway-${n}"}`),
    ),
  );
  objectives.push(exactly('replicas that one session of 30 calls met', 1, replicas.size));
  objectives.push(exactly('gateways that served it', 3, perGateway.filter((calls) => calls > 0).length));
  objectives.push(
    exactly(
      'tool calls that Prometheus counted of these 30',
      30,
      perGateway.reduce((sum, calls) => sum + calls, 0),
    ),
  );
}

async function underLoad(composition: Composition): Promise<void> {
  const kinds = ['v1', 'v2-legacy'] as const;
  const before = await counted(composition.prometheus, TOOL_CALLS);
  const population = new Population({
    size: values.sessions,
    everyMs: 1000,
    hangMs: HANG_MS,
    unsafeShare: 0.2,
    slowShare: 0.2,
    random: Math.random,
    now: Date.now,
    connect: (session) =>
      connectClient({
        kind: kinds[session % 2]!,
        url: `${composition.edges[0]}/mcp/linear`,
        fetch: failoverFetch(composition.edges),
        timeoutMs: HANG_MS,
      }).catch((error: Error) => {
        say(`    ! no new session: ${error.message.slice(0, 400)}`);
        throw error;
      }),
  });
  const killed: Array<{ fromMs: number; toMs: number }> = [];
  let extra = 1_000_000;
  const stage: Stage = {
    composition,
    population,
    say,
    async disturb(what, work) {
      say(`  ${what}`);
      const fromMs = Date.now();
      await work();
      // Docker's port proxy takes connections for a moment longer than the container lives: what came until then was sent to the dead.
      if (what.includes('kill the primary edge')) killed.push({ fromMs, toMs: await refusedAt(composition.edges[0]) });
    },
    async openSession() {
      await (await population.openOne(extra++))?.close().catch(() => undefined);
    },
  };
  try {
    await population.open();
    population.start();
    await pause(10_000);
    for (const play of SCENARIOS) {
      const seen = population.calls.length;
      await play(stage);
      const bad = population.calls.slice(seen).filter(failed);
      const kinds = new Map<string, number>();
      for (const { kind, result } of bad) {
        const text = `${kind}: ${JSON.stringify(result)}`;
        kinds.set(text, (kinds.get(text) ?? 0) + 1);
      }
      say(
        [
          `    ${population.calls.length - seen} calls, ${bad.length} not answered`,
          ...[...kinds].map(([text, times]) => `      ${times} × ${text}`),
        ].join('\n'),
      );
    }
    const fired = (await firingAlerts(composition.alertmanager))
      .filter(({ labels }) => labels['alertname'] === 'GatewayDown')
      .map(({ labels }) => labels['node'] ?? labels['instance']);
    objectives.push(exactly('GatewayDown fires for the gateway that stays down', 'gateway-1', fired.join(', ')));
    await rebuildGateways(stage);
    await waitFor(
      async () =>
        !(await firingAlerts(composition.alertmanager)).some(({ labels }) => labels['alertname'] === 'GatewayDown'),
      { what: 'GatewayDown ends', timeoutMs: 200_000, everyMs: 2000 },
    ).catch(() => undefined);
  } finally {
    await population.stop();
  }
  judge(population.calls, killed);
  await pause(4000);
  const clients = population.calls.filter(({ kind }) => kind !== 'open').length;
  const seen = (await counted(composition.prometheus, TOOL_CALLS)) - before;
  say(`  Prometheus counted ${seen} tool calls, clients made ${clients}`);
  objectives.push(
    atMost(
      'share of tool calls that Prometheus and the clients do not agree on (sidecars were replaced between two scrapes)',
      0.01,
      Math.abs(seen - clients) / clients,
    ),
  );
  const alerts = (await firingAlerts(composition.alertmanager)).map(({ labels }) => labels['alertname']!);
  objectives.push(
    exactly('GatewayDown is quiet once the gateway is back', 0, alerts.filter((name) => name === 'GatewayDown').length),
  );
}

async function refusedAt(origin: string): Promise<number> {
  await waitFor(
    () =>
      fetch(`${origin}/health`).then(
        () => false,
        (error: { cause?: { code?: string } }) => error.cause?.code === 'ECONNREFUSED',
      ),
    { what: 'the killed edge refuses connections' },
  );
  return Date.now();
}

function judge(calls: readonly Call[], killed: ReadonlyArray<{ fromMs: number; toMs: number }>): void {
  const wasOnKilledEdge = (call: Call): boolean =>
    killed.some(({ fromMs, toMs }) => call.startedAtMs <= toMs && call.endedAtMs >= fromMs);
  const others = calls.filter((call) => !wasOnKilledEdge(call));
  const { calls: made, p99Ms, slowestMs } = count(calls);
  say(
    `  ${made} calls, p99 ${p99Ms} ms, slowest ${slowestMs} ms; ${calls.filter((call) => failed(call) && wasOnKilledEdge(call)).length} failed in flight on the killed edge`,
  );
  for (const call of others.filter(failed).slice(0, 10))
    say(
      `  ! ${call.kind} ${call.tool} at ${new Date(call.startedAtMs).toISOString()} ${call.endedAtMs - call.startedAtMs} ms: ${JSON.stringify(call.result)}`,
    );
  objectives.push(
    { name: 'calls made', goal: '≥ 2000', measured: made, met: made >= 2000 },
    exactly(
      'safe calls failed, those in flight on the killed edge left out',
      0,
      others.filter((call) => call.kind === 'safe' && failed(call)).length,
    ),
    exactly(
      'unsafe calls failed without saying what became of them',
      0,
      others.filter((call) => call.kind === 'unsafe' && (call.result.kind === 'error' || call.result.kind === 'hang'))
        .length,
    ),
    exactly('new sessions refused', 0, others.filter((call) => call.kind === 'open' && failed(call)).length),
    exactly('sessions lost', 0, calls.filter((call) => call.kind === 'last' && failed(call)).length),
  );
}

say('docker-compose.yml is built and brought up …');
const startedMs = Date.now();
const composition = await startComposition(found.words, say);
const end = async (): Promise<void> => {
  if (!values.keep) await composition.close();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void end().then(() => process.exit(130)));
try {
  say(`up after ${Math.round((Date.now() - startedMs) / 1000)} s`);
  objectives.push(...(await hardening(composition)));
  await sessionAcrossGateways(composition);
  await underLoad(composition);
} catch (error) {
  say(`! ${(error as Error).stack}`);
  objectives.push({
    name: 'ran to its end',
    goal: 'yes',
    measured: (error as Error).message.slice(0, 200),
    met: false,
  });
} finally {
  await end();
}
printReport(objectives, { json: values.json });
process.exit();
