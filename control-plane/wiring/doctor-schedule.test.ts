import test from 'ava';
import { Registry } from 'prom-client';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { good, not, type DoctorCheck } from '../admin/doctor.ts';
import { doctorMetrics } from '../metrics/doctor-metrics.ts';
import { scheduleDoctor } from './doctor-schedule.ts';

test('findings are counted by check and severity, on the control plane that leads, and go when they are gone', async (t) => {
  const registry = new Registry();
  const metrics = doctorMetrics(registry);
  let isLeader = true;
  let checks: DoctorCheck[] = [
    not('bad', 'redis', 'Redis', 'away', 'start it'),
    not('warning', 'gateways', 'a', 'draining', 'undrain'),
    not('warning', 'gateways', 'b', 'draining', 'undrain'),
    good('servers', 'linear', 'well'),
  ];
  const stop = scheduleDoctor({
    diagnose: async () => checks,
    isLeader: () => isLeader,
    found: (found) => metrics.found(found, 5000),
    onError: (error) => t.fail(String(error)),
    everyMs: 5,
  });
  t.teardown(stop);
  const text = () => registry.metrics();
  const has = (line: string) => waitFor(async () => (await text()).includes(line), { what: line });
  await has('holdfast_doctor_findings{check="redis",severity="bad"} 1');
  await has('holdfast_doctor_findings{check="gateways",severity="warning"} 2');
  await has('holdfast_doctor_findings{check="servers",severity="bad"} 0');
  await has('holdfast_doctor_last_run_timestamp_seconds 5');
  checks = [];
  await has('holdfast_doctor_findings{check="redis",severity="bad"} 0');
  isLeader = false;
  await waitFor(async () => !(await text()).includes('check="redis"'), { what: 'a follower says nothing' });
  t.pass();
});

test('a round that fails is told of, and the next one comes all the same', async (t) => {
  const errors: unknown[] = [];
  let rounds = 0;
  const stop = scheduleDoctor({
    diagnose: async () => {
      rounds++;
      throw new Error('Redis is away');
    },
    isLeader: () => true,
    found: () => t.fail('nothing was found'),
    onError: (error) => errors.push(error),
    everyMs: 5,
  });
  t.teardown(stop);
  await waitFor(() => rounds >= 3, { what: 'three rounds' });
  t.true(errors.length >= 2);
});
