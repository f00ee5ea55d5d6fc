import { parseJsonObject } from '../../proto/parse-json.ts';
import { fileProblem } from '../../proto/file-problem.ts';
import { existsSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { usageError } from './exit-code.ts';
import { operatorName } from './operator-name.ts';

/** Where the control plane is and how to talk to it. */
export interface ClientSettings {
  origin: string;
  token: string | null;
  /** Who acts, for the events. */
  by: string;
}

export interface GlobalOptions {
  admin?: string;
  tokenFile?: string;
  config?: string;
  json?: boolean;
}

const DEFAULT_ADMIN = '127.0.0.1:18001';
/** Written by the local runner (`npm start`) while it runs. */
const LOCAL_RUN = '.holdfast/local.json';

type Environment = Readonly<Record<string, string | undefined>>;

/** Options win over the environment, which wins over a mesh that runs from this folder, the configuration file, and the default. */
export function clientSettings(options: GlobalOptions, env: Environment): ClientSettings {
  const file = configFileOf(options, env);
  const admin =
    options.admin ??
    env['HOLDFAST_ADMIN'] ??
    (options.config === undefined ? localRun() : undefined) ??
    adminOf(file) ??
    DEFAULT_ADMIN;
  const tokenFile = options.tokenFile ?? env['HOLDFAST_TOKEN_FILE'];
  let token: string | null = null;
  if (tokenFile !== undefined) {
    try {
      token = readFileSync(tokenFile, 'utf8').trim();
    } catch (error) {
      throw usageError(`--token-file ${tokenFile} can’t be read: ${fileProblem(error)}`);
    }
  }
  return { origin: originOf(admin), token, by: operatorName(env) };
}

const DEFAULT_CONFIG = 'holdfast.yaml';
export const configFileOf = (options: GlobalOptions, env: Environment): string =>
  options.config ?? env['HOLDFAST_CONFIG'] ?? DEFAULT_CONFIG;

function originOf(admin: string): string {
  const text = /^https?:\/\//.test(admin) ? admin : `http://${admin}`;
  if (!URL.canParse(text) || new URL(text).host === '') throw usageError(`--admin ${admin}: expected ip:port or a URL`);
  return new URL(text).origin;
}

/** `controlPlane.admin` of the file, if there is one; a bad file is `validate`'s business. */
function adminOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { controlPlane } = parseDocument(readFileSync(file, 'utf8')).toJS() as { controlPlane?: { admin?: unknown } };
    return typeof controlPlane?.admin === 'string'
      ? controlPlane.admin.replace(/^(0\.0\.0\.0|\[::\])/, '127.0.0.1')
      : undefined;
  } catch {
    return undefined;
  }
}

function localRun(): string | undefined {
  try {
    const { adminUrl, pid } = parseJsonObject(readFileSync(LOCAL_RUN, 'utf8')) ?? {};
    if (typeof adminUrl !== 'string' || typeof pid !== 'number') return undefined;
    process.kill(pid, 0);
    return adminUrl;
  } catch {
    return undefined;
  }
}
