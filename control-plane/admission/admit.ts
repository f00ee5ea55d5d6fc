import type { InjectionConfig } from '../config/kubernetes-schema.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';
import { admitPod } from './admit-pod.ts';
import { admitService } from './admit-service.ts';

/** What becomes of the object of one request; never throws for what an object may say. `authorities`: of the mesh, PEM, for pods that join. */
export function admit(
  { kind, operation, object }: AdmissionRequest,
  config: InjectionConfig,
  authorities: string,
): Verdict {
  if (kind.group !== '' || kind.version !== 'v1') return { kind: 'left' };
  if (kind.kind === 'Pod' && operation === 'CREATE') return admitPod(object, config, authorities);
  if (kind.kind === 'Service' && (operation === 'CREATE' || operation === 'UPDATE')) return admitService(object);
  return { kind: 'left' };
}
