import test from 'ava';
import { httpStatusOf, runChecks, type HealthCheck } from './run-checks.ts';

const good: HealthCheck = { name: 'good', check: () => ({ healthy: true, details: { replicas: 3 } }) };
const throwing = (isCritical: boolean): HealthCheck => ({
  name: 'throwing',
  isCritical,
  check: () => {
    throw new Error('no such thing');
  },
});

test('a hanging check costs its own answer only', async (t) => {
  const report = await runChecks([good, { name: 'hanging', check: () => new Promise(() => {}) }], 20);
  t.is(report.status, 'unhealthy');
  t.deepEqual(
    report.checks.map(({ name, healthy, error }) => [name, healthy, error]),
    [
      ['good', true, null],
      ['hanging', false, 'no answer within 20 ms'],
    ],
  );
  t.deepEqual(report.checks[0]!.details, { replicas: 3 });
});

test('a check that throws is unhealthy, and says why', async (t) => {
  const report = await runChecks([throwing(true)], 1000);
  t.is(report.checks[0]!.error, 'no such thing');
  t.is(httpStatusOf(report), 503);
});

test('what is not critical degrades, and a balancer keeps the process in', async (t) => {
  const report = await runChecks([good, throwing(false)], 1000);
  t.is(report.status, 'degraded');
  t.is(httpStatusOf(report), 200);
  t.is((await runChecks([good], 1000)).status, 'healthy');
});
