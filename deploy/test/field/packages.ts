import { FOREIGN_PACKAGES } from '../clients/foreign/foreign-kinds.ts';
import type { ForeignPackage } from '../packages/install-package.ts';

/** What `npm run field` installs, by the name that scenes ask for. */
export const PACKAGES = {
  ...FOREIGN_PACKAGES,
  everything: { language: 'npm', requirements: ['@modelcontextprotocol/server-everything@2026.8.31'] },
  stdio: {
    language: 'npm',
    requirements: [
      'supergateway@4.0.0',
      '@modelcontextprotocol/server-memory@2026.8.31',
      '@modelcontextprotocol/server-filesystem@2026.8.31',
    ],
  },
  authorization: { language: 'npm', requirements: ['oidc-provider@9.13.3'] },
  contextforge: { language: 'python', requirements: ['mcp-contextforge-gateway==1.0.7.post20260921'] },
  'mcp-proxy': { language: 'python', requirements: ['mcp-proxy==0.13.0'] },
  'mcp-remote': { language: 'npm', requirements: ['mcp-remote@0.15.1'] },
  // The line of the Inspector whose page speaks to servers itself; from 2.0 on its own backend does.
  inspector: {
    language: 'npm',
    requirements: ['@modelcontextprotocol/inspector-client@1.0.3'],
  },
} as const satisfies Record<string, ForeignPackage>;

export type PackageName = keyof typeof PACKAGES;
/** The folder of each package that a scene asked for. */
export type Folders = Readonly<Record<PackageName, string>>;
