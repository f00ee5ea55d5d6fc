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
} as const satisfies Record<string, ForeignPackage>;

export type PackageName = keyof typeof PACKAGES;
/** The folder of each package that a scene asked for. */
export type Folders = Readonly<Record<PackageName, string>>;
