import { generateKeyPairSync, sign } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join as inFolder } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readCertificateNames } from '../../proto/identity/certificate-names.ts';
import {
  JOIN_PATH,
  JOINED_FILES,
  joinAnswerSchema,
  provedText,
  type JoinAnswer,
  type JoinRequest,
} from '../../proto/join.ts';
import { parseJson } from '../../proto/parse-json.ts';

export interface JoinOptions {
  /** `host:port` of the control planes, by a name that their certificate has. */
  controlPlane: string;
  /** Holds the ServiceAccount token, whose audience is the mesh. */
  tokenFile: string;
  /** Authorities of the mesh, PEM. */
  authorities: string;
  timeoutMs?: number;
}

/** What a pod that joined has: the answer, and the key that it belongs to. */
export interface Joined {
  answer: JoinAnswer;
  /** PEM; made here, and sent nowhere. */
  key: string;
}

const TIMEOUT_MS = 10_000;
/** Certificates of a few authorities fit many times. */
const MOST_BYTES = 256 << 10;

/**
 * Asks a control plane to be a gateway of its mesh. It must be one by its certificate, before it sees the token.
 * @throws Error that says what the control plane or the network said; never the token.
 */
export async function joinMesh(options: JoinOptions): Promise<Joined> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const token = (await readFile(options.tokenFile, 'utf8')).trim();
  const proof = sign('sha256', Buffer.from(provedText({ token, publicKey })), privateKey).toString('base64');
  const { status, body } = await post(options, { token, publicKey, proof });
  const read = parseJson(body);
  if (status !== 200) {
    const { error } = (read ?? {}) as { error?: { message?: unknown } };
    const said = typeof error?.message === 'string' ? error.message : body.slice(0, 200);
    throw new Error(`the control plane answered HTTP ${status}: ${said}`);
  }
  const { success, data } = joinAnswerSchema.safeParse(read);
  if (!success) throw new Error('the control plane’s answer can’t be read: is it of the same version?');
  return { answer: data, key: privateKey };
}

function post(
  { controlPlane, authorities, timeoutMs = TIMEOUT_MS }: JoinOptions,
  content: JoinRequest,
): Promise<{ status: number; body: string }> {
  const body = JSON.stringify(content);
  return new Promise((resolve, reject) => {
    const sent = request(
      `https://${controlPlane}${JOIN_PATH}`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ca: authorities,
        minVersion: 'TLSv1.2',
        checkServerIdentity: controlPlaneProblem,
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        let bytes = 0;
        answer.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > MOST_BYTES) answer.destroy(new Error('the control plane’s answer has no end'));
        });
        textOf(answer).then((text) => resolve({ status: answer.statusCode ?? 0, body: text }), reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A gateway of the mesh has a certificate of the same authority, and must not be shown tokens. */
function controlPlaneProblem(host: string, certificate: PeerCertificate): Error | undefined {
  const isControlPlane = readCertificateNames(certificate.subjectaltname).mesh?.role === 'control-plane';
  return isControlPlane ? checkServerIdentity(host, certificate) : new Error('this is no control plane of a mesh');
}

/** How a pod joined, for the sidecar that joins again before the certificate ends. */
export type JoinSource = Pick<JoinOptions, 'controlPlane' | 'tokenFile'>;

/** Puts all of it into a folder, each file moved into its place; the certificate is last, because readers look at it. */
export async function writeJoined(folder: string, { answer, key }: Joined, source: JoinSource): Promise<void> {
  const { redisUrl, redisCa, source: sourceFile } = JOINED_FILES;
  const files: Array<[name: string, text: string | null, mode: number]> = [
    [sourceFile, JSON.stringify(source), 0o644],
    ['ca.crt', answer.authorities, 0o644],
    [redisUrl, answer.redisUrl, 0o600],
    [redisCa, answer.redisAuthorities, 0o644],
    ['tls.key', key, 0o600],
    ['tls.crt', answer.certificate, 0o644],
  ];
  for (const [name, text, mode] of files) {
    if (text === null) continue;
    const path = inFolder(folder, name);
    await writeFile(`${path}.new`, text.endsWith('\n') || name === redisUrl ? text : `${text}\n`, { mode });
    await chmod(`${path}.new`, mode);
    await rename(`${path}.new`, path);
  }
}
