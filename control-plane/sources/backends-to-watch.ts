import type { Config } from '../config/config-schema.ts';
import type { Discovery } from '../discovery/discovery.ts';

/** Every backend of every server, with what says where its replicas are. */
export const backendsToWatch = ({ servers }: Config): Parameters<Discovery['watch']>[0] =>
  servers.flatMap(({ name, backends }) =>
    backends.map(({ name: backend, replicas, discovery }) => ({ server: name, backend, replicas, discovery })),
  );
