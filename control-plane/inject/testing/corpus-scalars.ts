import type { CorpusCase } from './corpus-case.ts';

/** Texts in quotes that YAML 1.1 or 1.2 reads as something else without them. */
const TEXTS = [
  '"yes"',
  "'no'",
  '"off"',
  '"on"',
  '"y"',
  '"NO"',
  '"1_000"',
  '"0b11"',
  '"0o17"',
  '"017"',
  '"1e3"',
  '".5"',
  '"12:30:45"',
  '"null"',
  '"~"',
  '"true"',
  '"2026-11-29"',
  '"="',
  '"<<"',
  '"0x1F"',
  '"!tag"',
  '"# no comment"',
  '" padded "',
  '"line\\nbreak"',
  '"\\u00e9"',
];
/** File modes: octal for Kubernetes when they begin with 0. */
const MODES = ['0440', '0400', '0644', '0o440', '288', '0777'];

const server = (container: string, pod = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: linear
spec:
  selector:
    matchLabels: {app: linear}
  template:
    metadata:
      labels: {app: linear}
    spec:
${pod}      containers:
        - name: server
          image: linear:1
${container}---
apiVersion: v1
kind: Service
metadata:
  name: linear
spec:
  selector: {app: linear}
  ports:
    - port: 80
      targetPort: 3000
`;

/** Values whose meaning hangs on how they are written. */
export const SCALARS: readonly CorpusCase[] = [
  ...TEXTS.map((text) => ({
    title: `env value ${text}`,
    text: server(`          env:\n            - name: SETTING\n              value: ${text}\n`),
  })),
  ...MODES.map((mode) => ({
    title: `file mode ${mode}`,
    text: server(
      '',
      `      volumes:\n        - name: data\n          secret: {secretName: data, defaultMode: ${mode}}\n`,
    ),
  })),
];
