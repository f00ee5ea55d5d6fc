import { kubeconfigText } from '../../../../control-plane/kubernetes/testing/kubeconfig.ts';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { parseJson } from '../../../../proto/parse-json.ts';
import { freePorts } from '../../mesh/free-port.ts';
import { ManagedProcess } from '../../mesh/managed-process.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { answers } from '../../mesh/wait-for.ts';
import { missingPrograms, programPath } from './binaries.ts';

/** What the API server said to one request. */
export interface ApiAnswer {
  status: number;
  body: Record<string, unknown>;
  /** Its `Warning` headers. */
  warnings: string;
}

/** A real API server on loopback with nothing in it: no node, no pod runs. */
export interface ApiCluster {
  url: string;
  etcdUrl: string;
  folder: string;
  apiServer: ManagedProcess;
  /** As an administrator. `body`: JSON, or YAML for `application/apply-patch+yaml`. */
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer>;
  /** Writes a kubeconfig for whoever has this token, or one of the users; gives its path. */
  kubeconfig(name: string, token?: string): Promise<string>;
  stop(): Promise<void>;
}

/** What a cluster in which pods run has more. */
export interface WholeCluster {
  /** Of the API server, as pods reach it; default loopback, which no endpoint may be. */
  address: string;
  /** Users with a token, and the group that each is in. */
  users: ReadonlyMap<string, string>;
  apiServerArgs: readonly string[];
  controllerArgs: readonly string[];
}

const ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** etcd, the API server and, where it is in the cache, the controller manager, in a folder of their own. Rejects with the end of a log. */
export async function startApiCluster(whole?: WholeCluster): Promise<ApiCluster> {
  const folder = await temporaryFolder('holdfast-api-');
  const inFolder = (name: string): string => join(folder.path, name);
  const [etcdPort = 0, etcdPeerPort = 0, freePort = 0] = await freePorts(3);
  // Pods are let through to this one by NetworkPolicies; a whole cluster has a network of its own.
  const port = whole === undefined ? freePort : 6443;
  const address = whole?.address ?? '127.0.0.1';
  const url = `https://${address}:${port}`,
    etcdUrl = `http://127.0.0.1:${etcdPort}`,
    users = [...(whole?.users ?? []), ['admin', 'system:masters'] as const],
    tokens = new Map(users.map(([name]) => [name, randomBytes(16).toString('hex')]));
  const token = tokens.get('admin') ?? '';
  const lines = users.map(([name, group]) => `${tokens.get(name)},${name},${name},${group}\n`);
  await writeFile(inFolder('tokens.csv'), lines.join(''));
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(inFolder('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(inFolder('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const etcd = new ManagedProcess({
    name: 'etcd',
    command: programPath('etcd'),
    args: [
      ['--data-dir', inFolder('etcd')],
      ['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ['--listen-peer-urls', `http://127.0.0.1:${etcdPeerPort}`],
      ['--initial-advertise-peer-urls', `http://127.0.0.1:${etcdPeerPort}`],
      ['--initial-cluster', `default=http://127.0.0.1:${etcdPeerPort}`],
    ].flat(),
    logFile: inFolder('etcd.log'),
    isReady: () => answers(`${etcdUrl}/health`),
  });
  let agent: Agent | undefined;
  const certificate = inFolder('certs/apiserver.crt');
  const request = async (
    method: string,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<ApiAnswer> => {
    agent ??= new Agent({ connect: { ca: await readFile(certificate, 'utf8') } });
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': contentType }) },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      dispatcher: agent,
    });
    const text = await response.text();
    const read = parseJson(text);
    return {
      status: response.status,
      body: (typeof read === 'object' && read !== null ? read : { text }) as Record<string, unknown>,
      warnings: response.headers.get('warning') ?? '',
    };
  };
  const apiServer = new ManagedProcess({
    name: 'kube-apiserver',
    command: programPath('kube-apiserver'),
    args: [
      `--etcd-servers=${etcdUrl}`,
      `--secure-port=${port}`,
      `--bind-address=${address}`,
      // Its own address is loopback, which no endpoint may be.
      ...(whole === undefined ? ['--endpoint-reconciler-type=none', '--authorization-mode=RBAC'] : whole.apiServerArgs),
      `--cert-dir=${inFolder('certs')}`,
      `--token-auth-file=${inFolder('tokens.csv')}`,
      `--service-account-issuer=${ISSUER}`,
      `--service-account-key-file=${inFolder('sa.pub')}`,
      `--service-account-signing-key-file=${inFolder('sa.key')}`,
      '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112',
      '--allow-privileged=true',
    ],
    logFile: inFolder('kube-apiserver.log'),
    isReady: async () => (await request('GET', '/readyz')).status === 200,
    readyTimeoutMs: 150_000,
  });
  const kubeconfig = async (name: string, bearer = tokens.get(name) ?? ''): Promise<string> => {
    const path = inFolder(`${name}.kubeconfig`);
    await writeFile(path, kubeconfigText(url, { token: bearer, caFile: certificate }));
    return path;
  };
  const processes = [apiServer, etcd];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.kill()));
    await agent?.close();
    await folder.remove();
  };
  try {
    await etcd.start();
    await apiServer.start();
    if ((await missingPrograms(['kube-controller-manager'])).length === 0) {
      const args = whole?.controllerArgs ?? [
        '--controllers=endpointslice-controller,serviceaccount-controller,namespace-controller,garbage-collector-controller',
      ];
      // With it pods know the API server, whose certificate is its own authority.
      const rootCa = `--root-ca-file=${certificate}`;
      const manager = controllerManager(folder.path, await kubeconfig('controllers', token), [...args, rootCa]);
      processes.unshift(manager);
      await manager.start();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, etcdUrl, folder: folder.path, apiServer, request, kubeconfig, stop };
}

function controllerManager(folder: string, kubeconfig: string, args: readonly string[]): ManagedProcess {
  const logFile = join(folder, 'kube-controller-manager.log');
  const manager: ManagedProcess = new ManagedProcess({
    name: 'kube-controller-manager',
    command: programPath('kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--service-account-private-key-file=${join(folder, 'sa.key')}`,
      ...args,
    ],
    logFile,
    isReady: async () => manager.log().includes('Started') || manager.log().includes('Caches are synced'),
  });
  return manager;
}
