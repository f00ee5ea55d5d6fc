/** One thing that is installed by itself: which programs it has, and nothing that they do not load. */
export interface PackagePlan {
  name: string;
  description: string;
  /** Name of a command → its program, relative to the repository. */
  commands: Readonly<Record<string, string>>;
  /** Programs that the package runs without a command of their own. */
  programs?: readonly string[];
}

/** What one of the npm packages may bring to a machine. */
export interface Budget {
  /** How many packages it depends on, at any distance. */
  packages: number;
  /** What an installation holds on disk. */
  megabytes: number;
}
export type NpmPackagePlan = PackagePlan & { budget: Budget };

/** What `npm pack` makes. */
export const NPM_PACKAGES: readonly NpmPackagePlan[] = [
  {
    name: 'holdfast',
    description: 'Command line of Holdfast: validate a configuration, look into a mesh, drain, roll out, back up.',
    commands: { holdfast: 'control-plane/cli/main.ts' },
    budget: { packages: 110, megabytes: 110 },
  },
  {
    name: 'holdfast-sidecar',
    description: 'The sidecar of a Holdfast gateway node, and the program that writes its Envoy’s bootstrap.',
    commands: { 'holdfast-sidecar': 'sidecar/main.ts', 'holdfast-bootstrap': 'envoy/write-bootstrap.ts' },
    programs: ['sidecar/join/main.ts'],
    budget: { packages: 85, megabytes: 65 },
  },
  {
    name: 'holdfast-control-plane',
    description: 'The control plane of Holdfast: configuration, discovery, probes and rollouts, served by xDS.',
    commands: { 'holdfast-control-plane': 'control-plane/main.ts' },
    budget: { packages: 205, megabytes: 150 },
  },
  {
    name: 'holdfast-mesh',
    description: 'A whole Holdfast mesh on one machine, in front of MCP servers that run already.',
    commands: { 'holdfast-mesh': 'deploy/local/main.ts' },
    programs: ['sidecar/main.ts', 'control-plane/main.ts'],
    budget: { packages: 220, megabytes: 170 },
  },
];

/** What an image may hold above its base. */
export const MAX_IMAGE_MB = 60;

/** What the images hold (deploy/Dockerfile). They run the sources as they are. */
export const IMAGES: readonly PackagePlan[] = [
  {
    name: 'sidecar',
    description: 'Image of the sidecar',
    commands: {},
    programs: ['sidecar/main.ts', 'sidecar/join/main.ts', 'envoy/write-bootstrap.ts'],
  },
  {
    name: 'control-plane',
    description: 'Image of the control plane, of the backup job and of what prepares the volumes',
    commands: {},
    programs: [
      'control-plane/main.ts',
      'control-plane/cli/main.ts',
      'envoy/write-bootstrap.ts',
      'deploy/compose/prepare.ts',
    ],
  },
  {
    name: 'example-server',
    description: 'Image of the example MCP servers',
    commands: {},
    programs: ['deploy/test/servers/linear/main.ts', 'deploy/test/servers/queryquill/main.ts'],
  },
];

export const programsOf = ({ commands, programs = [] }: PackagePlan): string[] => [
  ...Object.values(commands),
  ...programs,
];
