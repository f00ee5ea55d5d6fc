import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { startAdmissionServer } from '../admission/admission-server.ts';
import { keepCaBundle } from '../admission/ca-bundle.ts';
import type { Config } from '../config/config-schema.ts';
import type { InjectionConfig, JoinConfig } from '../config/kubernetes-schema.ts';
import { openJoinDesk } from '../join/join-desk.ts';

interface InjectionOptions {
  config: () => Config;
  isLeader: () => boolean;
  registry: Registry;
  log: Logger;
  onError: (error: unknown) => void;
}

export interface Injection {
  /** Of the webhook; null where none is served. */
  port: number | null;
  problem: () => string | null;
  stop: () => Promise<void>;
}

const NONE: Injection = { port: null, problem: () => null, stop: async () => {} };

/** The webhook, where the configuration has it at the start. Its options are read for each pod; what it listens on is not. */
export async function startInjection({
  config,
  isLeader,
  registry,
  log,
  onError,
}: InjectionOptions): Promise<Injection> {
  const { tls, kubernetes } = config().controlPlane;
  const first = kubernetes?.injection;
  if (!first || tls?.clientCaFile === undefined) return NONE;
  const current = (): InjectionConfig => config().controlPlane.kubernetes?.injection ?? first;
  const { clientCaFile: caFile, certificateFile, keyFile } = tls;
  const { join: firstJoin } = first;
  const withJoin = (join: JoinConfig) => () => ({ ...current(), join: current().join ?? join });
  const join =
    firstJoin === undefined
      ? null
      : openJoinDesk({ config: withJoin(firstJoin), certificateFile, caFile, registry, log, now: Date.now });
  const server = await startAdmissionServer(first.listen, {
    config: current,
    tls: { certificateFile, keyFile, caFile },
    registry,
    onError,
    join,
  });
  const bundle = first.keepCaBundle ? keepCaBundle({ config: current, caFile, isLeader, log }) : null;
  return {
    port: server.port,
    problem: () => bundle?.problem() ?? join?.problem() ?? null,
    async stop() {
      await Promise.all([server.close(), bundle?.stop()]);
    },
  };
}
