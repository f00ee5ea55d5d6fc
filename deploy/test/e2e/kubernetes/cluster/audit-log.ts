import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseJsonObject } from '../../../../../proto/parse-json.ts';

const ACCOUNT = 'system:serviceaccount:holdfast:holdfast-control-plane';

/** One request to the API server, when it was answered. */
export interface AuditedRequest {
  pod: string;
  /** The id of the token that it came with. */
  token: string;
  status: number;
  receivedMs: number;
}

/** Writes which requests the API server notes: all of the control planes, without what is in them. Gives its arguments, and where it notes them. */
export async function auditing(folder: string): Promise<{ args: string[]; log: string }> {
  const policy = join(folder, 'audit-policy.yaml'),
    log = join(folder, 'audit.log');
  const rules = [{ level: 'Metadata', users: [ACCOUNT] }, { level: 'None' }];
  await writeFile(
    policy,
    stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }),
  );
  return { args: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`], log };
}

/** Requests of these pods since then, each when it was answered and a watch also when it ended. */
export async function requestsOf(log: string, pods: readonly string[], sinceMs: number): Promise<AuditedRequest[]> {
  const lines = (await readFile(log, 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const event = parseJsonObject(line) as AuditEvent | undefined;
    const [pod, id] = ['pod-name', 'credential-id'].map(
      (name) => event?.user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0] ?? '',
    );
    const receivedMs = Date.parse(event?.requestReceivedTimestamp ?? '');
    if (pod === undefined || !pods.includes(pod) || !(receivedMs >= sinceMs)) return [];
    return [{ pod, token: (id ?? '').replace('JTI=', ''), status: event?.responseStatus?.code ?? 0, receivedMs }];
  });
}

interface AuditEvent {
  user?: { extra?: Record<string, string[]> };
  responseStatus?: { code?: number };
  requestReceivedTimestamp?: string;
}
