import test from 'ava';
import { parseConfig } from '../config/parse-config.ts';
import { probeTargets } from './probe-targets.ts';

function settingsOf(probe: string, env: Record<string, string> = {}) {
  const read = parseConfig(
    `servers: [{name: linear, probe: ${probe}, backends: [{name: stable, replicas: [{name: one, address: "10.0.0.1:1"}]}]}]`,
    env,
  );
  if (!('config' in read)) throw new Error(JSON.stringify(read));
  const [target] = probeTargets(read.config, [
    { server: 'linear', backend: 'stable', name: 'one', address: '10.0.0.1:1' },
  ]);
  const { path, intervalMs, timeoutMs } = target!.settings;
  return { path, intervalMs, timeoutMs };
}
const LB = { LB_HEALTH_CHECK_PATH: '/alive', LB_HEALTH_CHECK_INTERVAL: '700', LB_HEALTH_CHECK_TIMEOUT: '300' };

test('plain HTTP checks of replicas go by LB_HEALTH_CHECK_PATH, _INTERVAL and _TIMEOUT, and by their defaults', (t) => {
  t.deepEqual(settingsOf('{type: http}'), { path: '/health', intervalMs: 3000, timeoutMs: 2000 });
  t.deepEqual(settingsOf('{type: http}', LB), { path: '/alive', intervalMs: 700, timeoutMs: 300 });
});

test('what a server says of its own checks wins over the balancer’s', (t) => {
  t.deepEqual(settingsOf('{type: http, path: /ok, intervalMs: 50, timeoutMs: 60}', LB), {
    path: '/ok',
    intervalMs: 50,
    timeoutMs: 60,
  });
});

test('probes that speak MCP have a pace of their own', (t) => {
  const { intervalMs, timeoutMs } = settingsOf('{}', LB);
  t.deepEqual([intervalMs, timeoutMs], [1000, 2000]);
});
