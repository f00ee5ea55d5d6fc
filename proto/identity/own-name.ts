import { readFileSync } from 'node:fs';
import { fileProblem } from '../file-problem.ts';
import { readCertificateNames } from './certificate-names.ts';
import { speaksFor, type MeshName, type MeshRole } from './mesh-name.ts';
import { readCertificates } from './trusted-certificate.ts';

/** A process's own certificate can't be used. The message says which, why, and what to do; `code` is the exit code of sysexits.h. */
export class CertificateError extends Error {
  readonly code = 'CERTIFICATE';
}

/**
 * What a process is, by its own certificate: the mesh that it is in is the one whose names it believes.
 * @throws CertificateError when the file can't be read or names no such process.
 */
export function ownMeshName(certificateFile: string, role: MeshRole, nodeId: string | null): MeshName {
  const toDo = `make one with \`holdfast certs init ${role}/${nodeId ?? 'NAME'}=ADDRESS\`, or name the URI spiffe://MESH/${role}/${nodeId ?? 'NAME'} in cert-manager’s \`uris\``;
  let text: string | undefined;
  try {
    const [certificate] = readCertificates(readFileSync(certificateFile, 'utf8'));
    text = certificate && (certificate.subjectAltName ?? '');
  } catch (error) {
    throw new CertificateError(`${certificateFile} can’t be read as a certificate (${fileProblem(error)}): ${toDo}`, {
      cause: error,
    });
  }
  if (text === undefined) throw new CertificateError(`${certificateFile} holds no PEM certificate: ${toDo}`);
  const { mesh } = readCertificateNames(text);
  if (mesh === null) throw new CertificateError(`${certificateFile} names nobody of a mesh: ${toDo}`);
  if (mesh.role !== role)
    throw new CertificateError(`${certificateFile} is the certificate of a ${mesh.role}: ${toDo}`);
  if (nodeId !== null && !speaksFor(mesh, nodeId))
    throw new CertificateError(`${certificateFile} is the certificate of ${mesh.id}, and this is ${nodeId}: ${toDo}`);
  return mesh;
}
