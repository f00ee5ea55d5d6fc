/** For tests: a kubeconfig with one cluster and one user. Without `caFile` the server's certificate is not looked at. */
export function kubeconfigText(server: string, { token, caFile }: { token?: string; caFile?: string } = {}): string {
  const trust = caFile === undefined ? { 'insecure-skip-tls-verify': true } : { 'certificate-authority': caFile };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server, ...trust } }],
    users: [{ name: 'u', user: token === undefined ? {} : { token } }],
  });
}
