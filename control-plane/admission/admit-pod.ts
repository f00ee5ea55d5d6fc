import { nameSchema } from '../config/schema-parts.ts';
import type { InjectionConfig } from '../config/kubernetes-schema.ts';
import { GRACE_MARGIN_SECONDS } from '../config/kubernetes-schema.ts';
import { injectPod } from '../inject/inject-pod.ts';
import { DISABLED, MARK, type PodTemplate } from '../inject/manifest.ts';
import type { PodOptions } from '../inject/pod-parts.ts';
import { podProblem } from '../inject/pod-problem.ts';
import { formProblem, podSchema, type Verdict } from './admission-review.ts';
import { patchBetween } from './patch-between.ts';

/** The pair into a pod whose annotation names its server. One that can't have it is refused: it would be a server that nobody reaches. */
export function admitPod(object: unknown, config: InjectionConfig, authorities: string): Verdict {
  const read = podSchema.safeParse(object);
  if (!read.success) return { kind: 'refused', code: 400, message: `this is no Pod: ${formProblem(read.error)}` };
  const pod = object as PodTemplate;
  const annotations = pod.metadata?.annotations ?? {};
  const server = annotations[MARK.inject];
  if (server === undefined || server === DISABLED || annotations[MARK.injected] !== undefined) return { kind: 'left' };
  if (!nameSchema.safeParse(server).success)
    return {
      kind: 'refused',
      code: 422,
      message: `the annotation ${MARK.inject} has to name a server of the mesh (lower-case letters, digits and inner hyphens), or say ${DISABLED}`,
    };
  const problem = podProblem(pod.spec);
  if (problem !== null)
    return {
      kind: 'refused',
      code: 422,
      message: `Envoy and sidecar can’t be put into this pod: ${problem}. Take the annotation ${MARK.inject} away to run it without`,
    };
  const after = injectPod(pod, podOptions(config, server, authorities));
  return { kind: 'changed', patch: patchBetween({ ...pod }, { ...after }, ['metadata', 'spec']) };
}

const podOptions = (config: InjectionConfig, server: string, authorities: string): PodOptions => ({
  controlPlane: config.controlPlane,
  image: config.image,
  envoyImage: config.envoyImage,
  redisSecret: config.redisSecret,
  redisCaSecret: config.redisCaSecret ?? null,
  certificateSecret: config.certificateSecret,
  join: config.join
    ? { address: config.join.address, authorities, hasRedisCa: config.join.redisCaFile !== undefined }
    : null,
  server,
  ipv6: config.ipv6,
  graceSeconds: config.graceSeconds,
  drainSeconds: config.drainSeconds ?? config.graceSeconds - GRACE_MARGIN_SECONDS,
});
