import { Gauge, type Registry } from 'prom-client';
import { AREAS, type DoctorCheck } from '../admin/doctor.ts';

const SEVERITIES = ['warning', 'bad', 'unknown'] as const;

/** What `holdfast doctor` last found, for alerts. What is good is a 0. */
export function doctorMetrics(registry: Registry) {
  const registers = [registry];
  const findings = new Gauge({
    name: 'holdfast_doctor_findings',
    help: 'What the monitoring checklist found that is not good, by check and severity; on the control plane that leads.',
    labelNames: ['check', 'severity'],
    registers,
  });
  const ranAt = new Gauge({
    name: 'holdfast_doctor_last_run_timestamp_seconds',
    help: 'When the checklist was last gone through.',
    registers,
  });
  return {
    /** Null: this control plane does not lead, and says nothing. */
    found(checks: readonly DoctorCheck[] | null, nowMs: number): void {
      findings.reset();
      if (!checks) return;
      for (const check of AREAS)
        for (const severity of SEVERITIES)
          findings.set(
            { check, severity },
            checks.filter(({ area, verdict }) => area === check && verdict === severity).length,
          );
      ranAt.set(nowMs / 1000);
    },
  };
}
