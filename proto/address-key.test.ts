import test from 'ava';
import { addressKey } from './address-key.ts';

test('an IPv4 address stands for itself, an IPv6 one for its /64, however it is written', (t) => {
  t.is(addressKey('10.0.0.7'), '10.0.0.7');
  t.is(addressKey('::ffff:10.0.0.7'), '10.0.0.7');
  for (const address of ['2001:db8:0:1::5', '2001:0DB8:0000:0001:aaaa:bbbb:cccc:dddd', '2001:db8:0:1:0:0:0:9'])
    t.is(addressKey(address), '2001:db8:0:1::/64', address);
  t.is(addressKey('2001:db8::1'), '2001:db8:0:0::/64');
  t.is(addressKey('::1'), '0:0:0:0::/64');
  for (const other of [null, '', 'x'.repeat(65)]) t.is(addressKey(other), null);
});
