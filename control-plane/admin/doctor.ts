/** One line of `holdfast doctor`, the monitoring checklist. */
export interface DoctorCheck {
  area:
    | 'gateways'
    | 'redis'
    | 'servers'
    | 'balancer'
    | 'certificates'
    | 'response-time'
    | 'sla'
    | 'errors'
    | 'resources'
    | 'configuration'
    | 'control-plane';
  name: string;
  verdict: 'good' | 'warning' | 'bad' | 'unknown';
  says: string;
  /** What to do about it; null when it is good. */
  advice: string | null;
}

export const good = (area: DoctorCheck['area'], name: string, says: string): DoctorCheck => ({
  area,
  name,
  verdict: 'good',
  says,
  advice: null,
});
export const not = (
  verdict: 'warning' | 'bad' | 'unknown',
  area: DoctorCheck['area'],
  name: string,
  says: string,
  advice: string,
): DoctorCheck => ({ area, name, verdict, says, advice });
