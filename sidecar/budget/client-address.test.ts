import test from 'ava';
import { HEADER } from '../../proto/wire.ts';
import { clientAddress, NO_ADDRESS } from './client-address.ts';

test('the client is whom Envoy names; requests without an address count as one client', (t) => {
  t.is(clientAddress({ [HEADER.guard]: '10.0.0.7' }), '10.0.0.7');
  t.is(clientAddress({ [HEADER.guard]: '2001:db8::7' }), '2001:db8:0:0::/64');
  // A request that was decided on comes without the note of guarded routes.
  t.is(clientAddress({ [HEADER.externalAddress]: '10.0.0.8' }), '10.0.0.8');
  for (const headers of [{}, { [HEADER.guard]: '' }, { 'x-forwarded-for': '10.0.0.7' }])
    t.is(clientAddress(headers), NO_ADDRESS);
});
