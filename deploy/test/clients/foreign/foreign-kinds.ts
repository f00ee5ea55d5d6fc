/** Official clients that are no npm packages, as programs that take commands on stdin (client.py, go/main.go). */
export type ForeignKind = 'python-1' | 'python-2' | 'fastmcp' | 'go';

export type ForeignPackage =
  /** `requirement`: name and exact version, as the installer takes them. */
  | { language: 'python'; requirement: string }
  /** Versions stand in go/go.mod. */
  | { language: 'go' };

export const FOREIGN_PACKAGES: Record<ForeignKind, ForeignPackage> = {
  'python-1': { language: 'python', requirement: 'mcp==1.30.0' },
  'python-2': { language: 'python', requirement: 'mcp==2.3.0' },
  fastmcp: { language: 'python', requirement: 'fastmcp==4.2.3' },
  go: { language: 'go' },
};

export const FOREIGN_KINDS = Object.keys(FOREIGN_PACKAGES) as ForeignKind[];
