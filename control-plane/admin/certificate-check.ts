import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config-schema.ts';
import { good, not, type DoctorCheck } from './doctor.ts';

const DAY_MS = 86_400_000;
const WARN_DAYS = 21;

/** When each certificate that the configuration names expires. */
export function certificateChecks(
  config: Config,
  now: number,
  read: (file: string) => Buffer = readFileSync,
): DoctorCheck[] {
  const files = certificateFiles(config);
  if (files.length === 0) return [good('certificates', 'expiry', 'no certificate is configured')];
  return files.map((file) => {
    try {
      const { validTo, validFrom } = new X509Certificate(read(file));
      const days = Math.floor((Date.parse(validTo) - now) / DAY_MS);
      if (Date.parse(validFrom) > now)
        return not(
          'bad',
          'certificates',
          file,
          `not valid before ${validFrom}`,
          'Check the clock, or use another certificate.',
        );
      if (days < 0)
        return not(
          'bad',
          'certificates',
          file,
          `expired on ${validTo}`,
          'Put a new certificate in its place; it is read without a restart.',
        );
      return days < WARN_DAYS
        ? not(
            'warning',
            'certificates',
            file,
            `expires in ${days} days (${validTo})`,
            'Renew it soon; a new file is read without a restart.',
          )
        : good('certificates', file, `valid for ${days} more days`);
    } catch (error) {
      return not(
        'bad',
        'certificates',
        file,
        (error as Error).message,
        'Check the path and that it is a PEM certificate.',
      );
    }
  });
}

/** A name with `{node}` in it stands for a file of each gateway node. */
function certificateFiles({ ha, gateway, edge, controlPlane, servers }: Config): string[] {
  const ofGateways = gateway.tls?.certificateFile;
  const files = [
    ...(ofGateways?.includes('{node}')
      ? ha.clusterNodes.map((node) => ofGateways.replaceAll('{node}', node))
      : [ofGateways]),
    edge?.tls?.certificateFile,
    controlPlane.tls?.certificateFile,
  ];
  for (const { backends } of servers) for (const { tls } of backends) files.push(tls?.certificateFile, tls?.caFile);
  return [...new Set(files.filter((file) => file !== undefined))];
}
