import type { Manifest } from './manifest.ts';
import type { Workload } from './workload.ts';

/** Whether a Service's selector finds pods with these labels. */
export function selects(service: Manifest, labels: Record<string, string>): boolean {
  const selector = Object.entries((service.spec?.selector ?? {}) as Record<string, string>);
  return selector.length > 0 && selector.every(([name, value]) => labels[name] === value);
}

/** A Service leads to a workload of its own namespace. */
export const isLedTo = (service: Manifest, { manifest, template }: Workload): boolean =>
  service.metadata.namespace === manifest.metadata.namespace && selects(service, template.metadata?.labels ?? {});
