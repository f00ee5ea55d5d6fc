export const AREAS = [
  'gateways',
  'redis',
  'servers',
  'balancer',
  'certificates',
  'response-time',
  'sla',
  'errors',
  'resources',
  'configuration',
  'control-plane',
] as const;

/** One line of `holdfast doctor`, the monitoring checklist. */
export interface DoctorCheck {
  area: (typeof AREAS)[number];
  name: string;
  verdict: 'good' | 'warning' | 'bad' | 'unknown';
  description: string;
  /** What to do about it; null when it is good. */
  advice: string | null;
}

export const good = (area: DoctorCheck['area'], name: string, description: string): DoctorCheck => ({
  area,
  name,
  verdict: 'good',
  description,
  advice: null,
});
export const not = (
  verdict: 'warning' | 'bad' | 'unknown',
  area: DoctorCheck['area'],
  name: string,
  description: string,
  advice: string,
): DoctorCheck => ({ area, name, verdict, description, advice });
