import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { InjectionConfig } from '../config/kubernetes-schema.ts';
import { openKubernetes } from '../kubernetes/kube-config.ts';
import { kubernetesProblem } from '../kubernetes/kubernetes-problem.ts';

const EVERY_MS = 30_000;
/** After a failure, and until the first success. */
const SOON_MS = 3000;

/** The two things that the loop below asks of the API server. */
export interface WebhookApi {
  /** The bundle of each webhook, in their order, base64; undefined where there is none. */
  read(): Promise<{ bundles: Array<string | undefined>; resourceVersion: string }>;
  patch(operations: object[]): Promise<void>;
}

export interface CaBundleOptions {
  config: () => InjectionConfig;
  caFile: string;
  isLeader: () => boolean;
  log: Pick<Logger, 'info' | 'warn'>;
  open?: (config: InjectionConfig) => Promise<WebhookApi>;
  everyMs?: number;
}

export interface CaBundleKeeper {
  /** Why the API server may not trust this webhook; null while it does. */
  problem(): string | null;
  stop(): Promise<void>;
}

/** The leader sees to it that the MutatingWebhookConfiguration has the mesh's authority, whoever applies it anew. */
export function keepCaBundle({
  config,
  caFile,
  isLeader,
  log,
  open = openWebhookApi,
  everyMs = EVERY_MS,
}: CaBundleOptions): CaBundleKeeper {
  const stopping = new AbortController();
  let problem: string | null = null;
  const round = async (): Promise<void> => {
    const wanted = (await readFile(caFile)).toString('base64');
    const api = await open(config());
    const { bundles, resourceVersion } = await api.read();
    const operations = bundles.flatMap((bundle, index) =>
      bundle === wanted ? [] : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: wanted }],
    );
    if (operations.length === 0) return;
    await api.patch([{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...operations]);
    log.info({ webhook: config().webhook }, 'the webhook’s caBundle is the mesh’s authority now');
  };
  const run = async (): Promise<void> => {
    let hasLooked = false;
    while (!stopping.signal.aborted) {
      if (isLeader())
        try {
          await round();
          hasLooked = true;
          problem = null;
        } catch (error) {
          const text = `MutatingWebhookConfiguration ${config().webhook}: ${kubernetesProblem(error)}`;
          if (text !== problem)
            log.warn({ problem: text }, 'pods can’t be injected until the API server trusts the webhook');
          problem = text;
        }
      else problem = null;
      const pauseMs = hasLooked && problem === null ? everyMs : Math.min(SOON_MS, everyMs);
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };
  const ended = run();
  return {
    problem: () => problem,
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

async function openWebhookApi(config: InjectionConfig): Promise<WebhookApi> {
  const { client, kubeConfig } = await openKubernetes(config);
  const api = kubeConfig.makeApiClient(client.AdmissionregistrationV1Api);
  const { webhook: name } = config;
  return {
    async read() {
      const { webhooks = [], metadata } = await api.readMutatingWebhookConfiguration({ name });
      return {
        bundles: webhooks.map(({ clientConfig }) => clientConfig.caBundle),
        resourceVersion: metadata?.resourceVersion ?? '',
      };
    },
    async patch(body) {
      await api.patchMutatingWebhookConfiguration(
        { name, body },
        client.setHeaderOptions('Content-Type', client.PatchStrategy.JsonPatch),
      );
    },
  };
}
