import { formatProblem } from '../../proto/config-file/problem.ts';
import { parseConfig } from '../../control-plane/config/parse-config.ts';
import { parse } from 'yaml';
import { ENVIRONMENT } from '../../proto/settings.ts';
import type { MeshOptions, MeshServerOptions } from '../test/mesh/mesh-options.ts';
import type { LocalOptions } from './options.ts';

export type Plan =
  | { kind: 'ready'; mesh: MeshOptions & { gateways: number; port: number }; servers: string[]; needsRedis: boolean }
  | { kind: 'refused'; problems: string[] };

/** Stands for the configuration where only the environment says something. */
const EXAMPLE = 'servers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:1"]}]}]';

/** What to start, from the command line, the environment and the text of the configuration file (undefined: none was named). Pure. */
export function plan(options: LocalOptions, env: NodeJS.ProcessEnv, text: string | undefined): Plan {
  const file = options.configFile ?? '(none)';
  const parsed = parseConfig(text ?? EXAMPLE, env);
  if (parsed.kind === 'bad')
    return { kind: 'refused', problems: parsed.problems.map((problem) => formatProblem(problem, file)) };
  const { config } = parsed;
  const isMemory = config.sessionStore.type === 'memory';
  const gateways = options.gateways ?? (isMemory ? 1 : 2);
  if (isMemory && gateways > 1) {
    return {
      kind: 'refused',
      problems: [
        `SESSION_STORE=memory keeps sessions in one node, and --gateways asks for ${gateways}: use --gateways 1, or Redis`,
      ],
    };
  }
  const port = options.port ?? config.port;
  if (port === 0 || port + gateways - 1 > 65_535)
    return {
      kind: 'refused',
      problems: [`port ${port}: ${gateways} gateway nodes need ports from 1 to 65535, one after another`],
    };
  const isUrlGiven =
    Boolean(env['SESSION_STORE_URL']) ||
    (parse(text ?? EXAMPLE) as { sessionStore?: { url?: unknown } }).sessionStore?.url !== undefined;
  const redis = isMemory ? false : isUrlGiven ? { url: config.sessionStore.url } : 'persistent';
  return {
    kind: 'ready',
    needsRedis: redis === 'persistent',
    servers: text === undefined ? Object.keys(examples(options.replicas)) : config.servers.map(({ name }) => name),
    mesh: {
      gateways,
      port,
      redis,
      env: passedOn(env),
      folderPrefix: 'holdfast-local-',
      ...(options.configFile === undefined
        ? { servers: examples(options.replicas) }
        : { configFile: options.configFile }),
    },
  };
}

function examples(replicas: number | undefined): Record<string, MeshServerOptions> {
  // Their annotations are true, so calls that may be sent twice are.
  const settings = { trustAnnotations: true };
  return { linear: { replicas: replicas ?? 3, settings }, queryquill: { replicas: replicas ?? 2, settings } };
}

/** The settings of the environment, but for those that each node is told for itself. */
function passedOn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = new Set(['PORT', 'HA_NODE_ID', 'SESSION_STORE', 'SESSION_STORE_URL']);
  return Object.fromEntries(
    ENVIRONMENT.filter(({ name }) => env[name] !== undefined && !own.has(name)).map(({ name }) => [name, env[name]]),
  );
}
