import { join } from 'node:path';
import type { ForeignPackage } from '../../packages/install-package.ts';

/** Official clients that are no npm packages, as programs that take commands on stdin (client.py, go/main.go). */
export type ForeignKind = 'python-1' | 'python-2' | 'fastmcp' | 'go';

export const FOREIGN_PACKAGES: Record<ForeignKind, ForeignPackage> = {
  'python-1': { language: 'python', requirements: ['mcp==1.30.0'] },
  'python-2': { language: 'python', requirements: ['mcp==2.3.0'] },
  fastmcp: { language: 'python', requirements: ['fastmcp==4.2.3'] },
  go: { language: 'go', module: join(import.meta.dirname, 'go') },
};

export const FOREIGN_KINDS = Object.keys(FOREIGN_PACKAGES) as ForeignKind[];
