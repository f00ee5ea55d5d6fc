import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../../../../control-plane/inject/manifest.ts';
import { KUBERNETES_VERSION, programPath } from './binaries.ts';

const root = resolve(import.meta.dirname, '../../../..');
/** What a kustomization builds, in the order in which it can be applied. */
export async function built(folder: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)('kubectl', ['kustomize', resolve(root, 'deploy/kubernetes', folder)]);
  const all = parseAllDocuments(stdout).map((each) => each.toJS() as Manifest);
  return all.sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
}
/** What the chart gives with every option on. */
export async function charted(): Promise<Manifest[]> {
  const chart = resolve(root, 'deploy/helm');
  const args = ['template', 'mesh', 'holdfast', '--kube-version', KUBERNETES_VERSION, '--values', 'all-options.yaml'];
  const { stdout } = await promisify(execFile)(programPath('helm'), args, { cwd: chart });
  return parseAllDocuments(stdout).flatMap((each) => (each.toJS() as Manifest | null) ?? []);
}
