import { createHash } from 'node:crypto';

const SUFFIX = '-replicas';
/** A Service's name is a DNS label. */
const MAX_LENGTH = 63;

/**
 * Name of the headless Service that `inject` adds beside a Service, through which the control plane finds the replicas themselves. Long names are cut,
 * and a hash keeps two of them apart.
 */
export function twinOf(service: string): string {
  if (service.length + SUFFIX.length <= MAX_LENGTH) return `${service}${SUFFIX}`;
  const hash = createHash('sha256').update(service).digest('hex').slice(0, 6);
  return `${service.slice(0, MAX_LENGTH - SUFFIX.length - hash.length - 1)}-${hash}${SUFFIX}`;
}
