import * as z from 'zod';

/** The fields of admission.k8s.io/v1 AdmissionReview that are read. */
const reviewSchema = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string().min(1).max(256),
    kind: z.looseObject({ group: z.string(), version: z.string(), kind: z.string() }),
    operation: z.string(),
    namespace: z.string().optional(),
    object: z.unknown(),
  }),
});
export type AdmissionRequest = z.infer<typeof reviewSchema>['request'];

/**
 * Containers of a pod, and ports of a Service: no real one has so many. Comparing 100,000 with one another would hold the process up for seconds,
 * and anybody who reaches the port may send them.
 */
const MOST = 1000;

const texts = z.record(z.string(), z.string()).nullish();
const metadataSchema = z.looseObject({
  name: z.string().optional(),
  namespace: z.string().optional(),
  labels: texts,
  annotations: texts,
});
const containers = z
  .array(
    z.looseObject({
      name: z.string(),
      ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.number() })).optional(),
      lifecycle: z.looseObject({}).optional(),
    }),
  )
  .max(MOST);
export const podSchema = z.looseObject({
  metadata: metadataSchema,
  spec: z.looseObject({
    containers: containers.min(1),
    initContainers: containers.optional(),
    volumes: z.array(z.looseObject({ name: z.string() })).optional(),
    terminationGracePeriodSeconds: z.number().optional(),
    hostNetwork: z.boolean().optional(),
  }),
});
export const serviceSchema = z.looseObject({
  metadata: metadataSchema,
  spec: z.looseObject({
    clusterIP: z.string().optional(),
    ports: z
      .array(
        z.looseObject({
          name: z.string().optional(),
          port: z.number(),
          protocol: z.string().optional(),
          targetPort: z.union([z.number(), z.string()]).optional(),
        }),
      )
      .max(MOST)
      .optional(),
  }),
});

/** One operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

/** What becomes of an object. */
export type Verdict =
  | { kind: 'changed'; patch: readonly PatchOperation[]; warning?: string }
  /** Let through as it is. */
  | { kind: 'left'; warning?: string }
  /** `code`: an HTTP status, which the API server passes on with the message. */
  | { kind: 'refused'; code: number; message: string };

/** The request of a review; undefined for whatever is none. */
export function readReview(body: unknown): AdmissionRequest | undefined {
  return reviewSchema.safeParse(body).data?.request;
}

/** The review that answers the request with this uid. */
export function reviewOf(uid: string, verdict: Verdict): object {
  const warning = verdict.kind === 'refused' ? undefined : verdict.warning;
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: verdict.kind !== 'refused',
      ...(warning !== undefined && { warnings: [warning] }),
      ...(verdict.kind === 'refused' && { status: { code: verdict.code, message: verdict.message } }),
      ...(verdict.kind === 'changed' && {
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(verdict.patch)).toString('base64'),
      }),
    },
  };
}

/** What a value of the wrong form lacks, for people. */
export function formProblem(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue ? `${issue.path.join('.') || 'it'}: ${issue.message}` : 'it has another form';
}
