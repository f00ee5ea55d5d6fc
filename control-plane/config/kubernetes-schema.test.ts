import test from 'ava';
import { parseConfig } from './parse-config.ts';

const at = (injection: string, tls = ', clientCaFile: c'): string[] => {
  const text = [
    'servers: [{name: a, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]',
    `controlPlane: {tls: {certificateFile: a, keyFile: b${tls}}, kubernetes: {injection: ${injection}}}`,
  ].join('\n');
  const parsed = parseConfig(text, {});
  return parsed.kind === 'bad' ? parsed.problems.map(({ path }) => path) : [];
};

test('injection needs an authority that the API server can know, and times that cut no call', (t) => {
  const HERE = 'controlPlane.kubernetes.injection';
  t.deepEqual(at('{}'), []);
  t.deepEqual(at('{}', ''), [HERE]);
  t.deepEqual(at('{graceSeconds: 30, drainSeconds: 20}'), []);
  t.deepEqual(at('{graceSeconds: 30, drainSeconds: 21}'), [`${HERE}.drainSeconds`]);
  t.deepEqual(at('{graceSeconds: 10}'), [`${HERE}.graceSeconds`]);
  t.deepEqual(at('{webhook: Some/Thing}'), [`${HERE}.webhook`]);
  t.deepEqual(at('{controlPlane: "no port"}'), [`${HERE}.controlPlane`]);
  t.deepEqual(at('{imag: x}'), [`${HERE}.imag`]);
});
