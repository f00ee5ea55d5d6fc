import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { NO_NAMES, readCertificateNames, type CertificateNames } from '../../proto/identity/certificate-names.ts';
import { plainHost } from '../../proto/identity/host.ts';
import { formatMeshName, type MeshName } from '../../proto/identity/mesh-name.ts';
import { createAuthority, issueLeaf, type KeyPair } from './authority.ts';
import { memberByName, TRUST_DOMAIN } from './member-name.ts';

/** Who gets a certificate: the mesh's processes, each with the names it is reached by. */
export interface Member {
  name: string;
  altNames: readonly string[];
  /** What it is in the mesh; null: it serves TLS and is no member, as Redis. Left out: told by `name` (member-name.ts). */
  mesh?: MeshName | null;
}

export interface CertificateStatus {
  name: string;
  file: string;
  notAfter: string;
  daysLeft: number;
  /** missing: no certificate. broken: unreadable, or not signed by this authority. expiring: within `renewDays`. */
  state: 'ok' | 'expiring' | 'expired' | 'missing' | 'broken';
}

export interface FolderOptions {
  folder: string;
  now: Date;
  days: number;
  renewDays: number;
  /** Name of the mesh; `holdfast` when left out. */
  trustDomain?: string;
}

const AUTHORITY = 'ca';
const AUTHORITY_DAYS = 3650;
const paths = (folder: string, name: string) => ({
  certificate: join(folder, `${name}.crt`),
  key: join(folder, `${name}.key`),
});

async function readPair(folder: string, name: string): Promise<KeyPair | undefined> {
  const { certificate, key } = paths(folder, name);
  try {
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Key before certificate, each moved into its place: Envoy's file watch reloads on the move of the certificate. */
async function writePair(folder: string, name: string, pair: KeyPair): Promise<void> {
  const { certificate, key } = paths(folder, name);
  for (const [file, text, mode] of [
    [key, pair.key, 0o600],
    [certificate, pair.certificate, 0o644],
  ] as const) {
    await writeFile(`${file}.new`, text.endsWith('\n') ? text : `${text}\n`, { mode });
    await chmod(`${file}.new`, mode);
    await rename(`${file}.new`, file);
  }
}

/** Makes the authority where there is none, and a certificate for each member that has none or whose own is at its end. Returns the names made again. */
export async function renewCertificates(members: readonly Member[], options: FolderOptions): Promise<string[]> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const made: string[] = [];
  let authority = await readPair(options.folder, AUTHORITY);
  if (!authority) {
    authority = await createAuthority({ name: 'holdfast mesh authority', days: AUTHORITY_DAYS, now: options.now });
    await writePair(options.folder, AUTHORITY, authority);
    made.push(AUTHORITY);
  }
  for (const member of members) if (await renewMember(authority, member, options)) made.push(member.name);
  return made;
}

/** Whether it is a new one. */
async function renewMember(authority: KeyPair, member: Member, options: FolderOptions): Promise<boolean> {
  const { state } = await statusOf(member.name, options);
  // A renewed certificate goes on being good for the names that it had.
  const former = state === 'missing' || state === 'broken' ? NO_NAMES : await namesInFile(options.folder, member.name);
  const mesh =
    member.mesh === undefined
      ? (former.mesh ?? memberByName(member.name, options.trustDomain ?? TRUST_DOMAIN))
      : member.mesh;
  const hasNames =
    member.altNames.every((name) => former.hosts.includes(plainHost(name))) && isDeepStrictEqual(mesh, former.mesh);
  if (state === 'ok' && hasNames) return false;
  const leaf = await issueLeaf(authority, {
    name: member.name,
    altNames: [...new Set([...member.altNames, ...former.hosts])],
    uri: mesh === null ? undefined : formatMeshName(mesh),
    days: options.days,
    now: options.now,
  });
  await writePair(options.folder, member.name, leaf);
  return true;
}

const namesInFile = async (folder: string, name: string): Promise<CertificateNames> =>
  readCertificateNames(new X509Certificate(await readFile(paths(folder, name).certificate)).subjectAltName);

/** Every certificate of the folder, the authority's first. */
export async function certificateStatus(options: FolderOptions): Promise<CertificateStatus[]> {
  const files = await readdir(options.folder).catch(() => [] as string[]);
  const names = files
    .filter((file) => file.endsWith('.crt'))
    .map((file) => file.slice(0, -4))
    .sort((a, b) => Number(b === AUTHORITY) - Number(a === AUTHORITY) || a.localeCompare(b));
  return Promise.all(names.map((name) => statusOf(name, options)));
}

async function statusOf(name: string, { folder, now, renewDays }: FolderOptions): Promise<CertificateStatus> {
  const file = paths(folder, name).certificate;
  const nothing = { name, file, notAfter: '', daysLeft: 0 };
  const pair = await readPair(folder, name);
  if (!pair) return { ...nothing, state: 'missing' };
  try {
    const certificate = new X509Certificate(pair.certificate);
    const authority = new X509Certificate(await readFile(paths(folder, AUTHORITY).certificate));
    if (!certificate.verify(authority.publicKey)) return { ...nothing, state: 'broken' };
    const notAfter = new Date(certificate.validTo);
    const daysLeft = Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000);
    return {
      name,
      file,
      notAfter: notAfter.toISOString(),
      daysLeft,
      state: notAfter <= now ? 'expired' : daysLeft < renewDays ? 'expiring' : 'ok',
    };
  } catch {
    return { ...nothing, state: 'broken' };
  }
}
