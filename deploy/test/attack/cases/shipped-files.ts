import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { redactConfig } from '../../../../control-plane/config-versions/redact-config.ts';
import { redactUrl, redactUrls } from '../../../../proto/redact-url.ts';
import { askRegistry } from '../../../setup/pin-images.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';

const read = (pattern: string): [string, string][] =>
  globSync(pattern, { cwd: REPOSITORY }).map((path) => [path, readFileSync(join(REPOSITORY, path), 'utf8')]);
const linesWith = (files: [string, string][], pattern: RegExp, allowed = /$^/): string[] =>
  files.flatMap(([path, text]) =>
    text
      .split('\n')
      .filter((line) => pattern.test(line) && !allowed.test(line) && !/^\s*#/.test(line))
      .map((line) => `${path}: ${line.trim().slice(0, 60)}`),
  );
const COMPOSE = ['docker-compose.yml'];
const KUBERNETES = 'deploy/kubernetes/**/*.yaml';
const files = (...patterns: string[]): [string, string][] => patterns.flatMap(read);

/** What must not stand in what is shipped, by what it is. */
const RULES: Record<string, { finding: '9' | '22' | '27' | '28'; problems: () => string[] }> = {
  'default-password-compose': {
    finding: '22',
    problems: () => linesWith(files(...COMPOSE), /PASSWORD[^}]*:-[^}\s]+\}/, /:-\}/),
  },
  'password-in-env-file': {
    finding: '22',
    problems: () => linesWith(files('.env'), /PASSWORD=\S|:\/\/[^/\s]*:[^@/\s]+@/),
  },
  'password-in-arguments': {
    finding: '22',
    problems: () => linesWith(files(...COMPOSE), /--masterauth|--requirepass|-a \$/),
  },
  'grafana-on-all-addresses': {
    finding: '22',
    problems: () => linesWith(files(...COMPOSE), /ports:.*GRAFANA/, /127\.0\.0\.1/),
  },
  'images-by-digest-compose': {
    finding: '27',
    problems: () => linesWith(files(...COMPOSE), /^\s*image:/, /@sha256:|holdfast\//),
  },
  'images-by-digest-kubernetes': {
    finding: '27',
    problems: () => linesWith(files(KUBERNETES), /^\s*(- )?image:/, /@sha256:|holdfast\//),
  },
  'images-by-digest-dockerfile': {
    finding: '27',
    problems: () =>
      linesWith(
        files('deploy/Dockerfile'),
        /^FROM (?!\w+ AS|\$)/,
        /@sha256:|FROM (base|build|modules|dependencies|runtime)/,
      ),
  },
  'redis-without-password-kubernetes': {
    finding: '9',
    problems: () =>
      files('deploy/kubernetes/base/redis.yaml')
        .filter(([, text]) => !/aclfile|requirepass/.test(text))
        .map(([path]) => `${path}: neither aclfile nor password`),
  },
  'member-label-of-any-namespace': {
    finding: '9',
    problems: () => linesWith(files('deploy/kubernetes/base/network-policy.yaml'), /namespaceSelector: *\{\}/),
  },
  'no-default-deny': {
    finding: '9',
    problems: () =>
      files('deploy/kubernetes/base/network-policy.yaml')
        .filter(([, text]) => !/Egress/.test(text))
        .map(([path]) => `${path}: no egress rules`),
  },
  'relay-on-all-addresses': {
    finding: '9',
    problems: () =>
      linesWith(files('deploy/kubernetes/base/gateway.yaml', 'deploy/systemd/*.service'), /--relay[= ]0\.0\.0\.0/),
  },
  'clients-behind-the-edge-are-one': {
    finding: '28',
    problems: () =>
      files('deploy/compose/holdfast.yaml')
        .filter(([, text]) => !/xffTrustedHops: *[1-9]/.test(text))
        .map(([path]) => `${path}: xffTrustedHops is not set`),
  },
};

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

/** Why a registry of images can't be asked for a digest here; null where it can be. */
const unreached: () => Promise<string | null> = once(() =>
  askRegistry('redis:7.2.11-alpine').then(
    () => null,
    (error: unknown) => String(error).split('\n')[0] ?? '',
  ),
);

const shipped: AttackCase[] = Object.entries(RULES).map(([name, { finding, problems }]) => ({
  name: `shipped-files/${name}`,
  finding,
  goal: finding === '27' ? 'no such line (npm run pin-images)' : 'no such line',
  isAlone: true,
  async run() {
    const found = problems();
    const happened = `${found.length} found${found[0] ? `, first: ${found[0]}` : ''}`;
    const why = finding === '27' && found.length > 0 ? await unreached() : null;
    if (why !== null)
      return { happened: `no registry is reached: ${why}; ${happened}`, isRefused: false, isSkipped: true };
    return judge({ 'no such line': found.length === 0 }, happened);
  },
}));

const SECRET = 'p4ssw0rd';
const URLS: Record<string, string> = {
  plain: `redis://holdfast:${SECRET}@host:6379`,
  'no-user': `redis://:${SECRET}@host`,
  'at-sign': `redis://holdfast:a@${SECRET}@host:6379`,
  slash: `redis://holdfast:a/${SECRET}@host:6379`,
  'quoted-space': `redis://holdfast:a%20${SECRET}@host`,
  'white-space': `redis://holdfast:a ${SECRET}@host`,
  query: `redis://host:6379?password=${SECRET}`,
  'query-user': `rediss://host:6379/0?username=holdfast&password=${SECRET}&x=1`,
  sentinel: `redis+sentinel://holdfast:${SECRET}@a:1,b:2/name`,
  'sentinel-own': `redis+sentinel://u:x@a:1,b:2/name?sentinelPassword=${SECRET}`,
  'second-host': `redis+sentinel://a:1,holdfast:${SECRET}@b:2/name`,
  'two-at-signs': `redis://holdfast:a@b@${SECRET}@host:6379`,
  'question-mark': `redis://holdfast:a?${SECRET}@host:6379`,
  'hash-sign': `redis://holdfast:a#${SECRET}@host:6379`,
  'query-upper-case': `redis://host:6379?PASSWORD=${SECRET}`,
  'upper-case': `REDIS://holdfast:${SECRET}@host`,
};
const redaction = casesOf(
  'redaction',
  { finding: '21', goal: 'no form of URL keeps its password', isAlone: true },
  URLS,
  async (_, url) => {
    const kept = [
      redactConfig(`sessionStore:\n  url: ${url}\n`),
      redactConfig(`sessionStore: {url: "${url}"}`),
      redactUrl(url),
      redactUrls(`could not reach ${url}`),
    ].filter((text) => text.includes(SECRET));
    return judge({ 'the password is gone': kept.length === 0 }, kept[0]?.slice(0, 80) ?? '');
  },
);
export const shippedFiles: AttackCase[] = [...shipped, ...redaction];
