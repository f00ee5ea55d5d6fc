import type { NetworkInterfaceInfo } from 'node:os';
import test from 'ava';
import { reachedAt } from './reached-at.ts';

const at = (address: string, internal = false): NetworkInterfaceInfo =>
  ({
    address,
    internal,
    netmask: '',
    mac: '',
    cidr: null,
    ...(address.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' }),
  }) as NetworkInterfaceInfo;

test('what listens on one address is reached there; what listens everywhere, at the machine\u2019s own address', (t) => {
  const container = {
    lo: [at('127.0.0.1', true), at('::1', true)],
    eth0: [at('fe80::1'), at('fd00::7'), at('172.18.0.7')],
  };
  t.is(reachedAt('10.0.0.1', null, container), '10.0.0.1');
  t.is(reachedAt('0.0.0.0', null, container), '172.18.0.7');
  t.is(reachedAt('::', null, { eth0: [at('fe80::1'), at('fd00::7')] }), '[fd00::7]');
  t.is(reachedAt('::', 'fd00::9', container), '[fd00::9]', 'a pod of an IPv6 cluster');
  t.is(reachedAt('::', '[fd00::9]', container), '[fd00::9]');
  t.is(reachedAt('::1', null, container), '[::1]');
  t.is(reachedAt('0.0.0.0', 'gateway-1.mesh', container), 'gateway-1.mesh');
  t.is(reachedAt('0.0.0.0', null, { lo: [at('127.0.0.1', true)] }), '127.0.0.1');
});
