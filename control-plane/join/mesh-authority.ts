import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileProblem } from '../../proto/file-problem.ts';
import { readCertificates } from '../../proto/identity/trusted-certificate.ts';
import type { KeyPair } from '../certs/authority.ts';

/**
 * The authority that signs for pods, and the authorities that members believe.
 * @throws Error that says which file can't be used, and why.
 */
export async function readMeshAuthority(
  { certificateFile, keyFile }: { certificateFile: string; keyFile: string },
  caFile: string,
): Promise<{ authority: KeyPair; authorities: string }> {
  const [certificate, key, authorities] = await Promise.all([
    readText(certificateFile),
    readText(keyFile),
    readText(caFile),
  ]);
  const own = read(certificateFile, () => new X509Certificate(certificate));
  const privateKey = read(keyFile, () => createPrivateKey(key));
  if (!own.ca) throw new Error(`${certificateFile} is no authority’s certificate: it can’t sign for pods`);
  if (!own.checkPrivateKey(privateKey)) throw new Error(`${keyFile} is not the key of ${certificateFile}`);
  const isBelieved = readCertificates(authorities).some(({ fingerprint256 }) => fingerprint256 === own.fingerprint256);
  if (!isBelieved) throw new Error(`${certificateFile} is not in ${caFile}: no member would believe what it signs`);
  return { authority: { certificate, key }, authorities };
}

function read<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // The reason may quote the file, which is a key.
    throw new Error(`${file} can’t be read as PEM`);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} can’t be read: ${fileProblem(error)}`, { cause: error });
  }
}
