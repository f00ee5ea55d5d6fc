import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join as inFolder } from 'node:path';
import { promisify } from 'node:util';
import { issueLeaf } from '../../../../control-plane/certs/authority.ts';
import type { PodTemplate } from '../../../../control-plane/inject/manifest.ts';
import { joinMesh } from '../../../../sidecar/join/join-mesh.ts';
import { keepJoined } from '../../../../sidecar/join/keep-joined.ts';
import { freePorts } from '../../mesh/free-port.ts';
import { ManagedProcess } from '../../mesh/managed-process.ts';
import { nodeProgram } from '../../mesh/node-program.ts';
import { answers, waitFor } from '../../mesh/wait-for.ts';
import type { ApiCluster } from './api-cluster.ts';

const TEN_DAYS_MS = 10 * 86_400_000;

/** What an injected pod's containers do, as its spec says, where no kubelet runs them. */
export interface JoiningPod {
  /** The init container, with a token as the kubelet mounts it. */
  run(): Promise<{ code: number; text: string }>;
  /** A token of the pod's ServiceAccount; `spec` changes what the pod's volume asks for. */
  token(spec: object): Promise<string>;
  /** Joins with this token. Rejects as the init container would log. */
  join(token: string, at?: string): Promise<unknown>;
  /** Text of a file that it got. */
  read(name: string): Promise<string>;
  sidecar(xds: string): Promise<ManagedProcess>;
  /** Waits until the pod has another certificate than `first`, ten days from now. */
  renewed(first: string): Promise<void>;
}

/** Somebody with the certificate of a gateway, where pods would join. */
export async function gatewayServer(
  caFile: string,
): Promise<{ address: string; heard(): number; close(): Promise<void> }> {
  const authority = { certificate: await readFile(caFile, 'utf8'), key: await readFile(keyOf(caFile), 'utf8') };
  const uri = 'spiffe://holdfast/gateway/mcp.other';
  const leaf = await issueLeaf(authority, { name: '127.0.0.1', altNames: [], uri, days: 1, now: new Date() });
  let heard = 0;
  const server = createServer({ cert: leaf.certificate, key: leaf.key }, (_request, response) => {
    heard += 1;
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard: () => heard,
    close: () => promisify(server.close.bind(server))() as Promise<void>,
  };
}
const keyOf = (certificateFile: string): string => certificateFile.replace(/\.crt$/, '.key');

export async function joiningPod(
  { request, folder }: ApiCluster,
  { metadata, spec }: PodTemplate,
): Promise<JoiningPod> {
  const { name, namespace, uid } = metadata as { name: string; namespace: string; uid: string };
  const container = spec.initContainers?.find((each) => each.name === 'holdfast-join');
  if (container === undefined) throw new Error(`pod ${name} does not join`);
  const [, , , controlPlane = ''] = container['args'] as string[];
  const [{ value: authorities }] = container['env'] as [{ value: string }];
  const to = inFolder(folder, `joined-${uid}`),
    tokenFile = inFolder(folder, `token-${uid}`);
  await mkdir(to);
  const token = async (changes: object): Promise<string> => {
    const { body } = await request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: ['mesh.holdfast'],
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        expirationSeconds: 3600,
        ...changes,
      },
    });
    return (body['status'] as { token: string }).token;
  };
  const read = (file: string): Promise<string> => readFile(inFolder(to, file), 'utf8');
  return {
    token,
    read,
    async run() {
      await writeFile(tokenFile, await token({}));
      const args = ['--to', to, '--control-plane', controlPlane, '--token', tokenFile];
      const program = nodeProgram('sidecar/join/main.ts', args, { HOLDFAST_AUTHORITIES: authorities });
      return new Promise((resolve) => {
        execFile(program.command, program.args, { env: program.env }, (error, out, err) =>
          resolve({ code: error ? Number(error.code ?? 1) : 0, text: `${out}${err}` }),
        );
      });
    },
    async join(text, at = controlPlane) {
      await writeFile(tokenFile, text);
      return joinMesh({ controlPlane: at, tokenFile, authorities });
    },
    async sidecar(xds) {
      const [relay = 0, relayPeer = 0, admin = 0, peer = 0] = await freePorts(4);
      const at = (port: number): string => `127.0.0.1:${port}`;
      const ports = ['--relay', at(relay), '--relay-peer', at(relayPeer), '--admin', at(admin), '--peer', at(peer)];
      const args = ['--node-id', `${namespace}.${name}`, '--xds', xds, '--ext-proc', inFolder(to, 'ext-proc.sock')];
      return new ManagedProcess({
        name: 'sidecar',
        ...nodeProgram('sidecar/main.ts', [...args, ...ports, '--joined', to]),
        logFile: inFolder(folder, `sidecar-${uid}.log`),
        isReady: () => answers(`http://127.0.0.1:${admin}/readyz`),
      });
    },
    async renewed(first) {
      await writeFile(tokenFile, await token({}));
      const stop = keepJoined({
        folder: to,
        log: { info: () => {}, warn: () => {} },
        onResult: () => {},
        now: () => Date.now() + TEN_DAYS_MS,
        lookMs: 500,
      });
      await waitFor(async () => (await read('tls.crt')) !== first, { what: 'another certificate' });
      await stop();
    },
  };
}
