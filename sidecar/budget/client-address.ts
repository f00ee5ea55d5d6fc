import type { IncomingHttpHeaders } from 'node:http';
import { addressKey } from '../../proto/address-key.ts';
import { HEADER } from '../../proto/wire.ts';

/** Whom limits per address count when nobody named an address: all such requests share what one client may have. */
export const NO_ADDRESS = 'unknown';

/** The client of a request that Envoy sent to the relay. */
export function clientAddress(headers: IncomingHttpHeaders): string {
  return addressKey(one(headers[HEADER.guard]) ?? one(headers[HEADER.externalAddress]) ?? null) ?? NO_ADDRESS;
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
