import { detach } from '../../proto/detach.ts';
import type { DoctorCheck } from '../admin/doctor.ts';

interface ScheduleOptions {
  diagnose: () => Promise<readonly DoctorCheck[]>;
  /** Only one control plane looks: all would find the same. */
  isLeader: () => boolean;
  found: (checks: readonly DoctorCheck[] | null) => void;
  onError: (error: unknown) => void;
  everyMs?: number;
}

const EVERY_MS = 30_000;
/** The first look, when gateways and probes had time to arrive. */
const FIRST_MS = 10_000;

/** Goes through the monitoring checklist again and again; one round at a time. Returns the way to stop it. */
export function scheduleDoctor({ diagnose, isLeader, found, onError, everyMs }: ScheduleOptions): () => void {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const round = async (): Promise<void> => {
    try {
      const checks = isLeader() ? await diagnose() : null;
      if (!isStopped) found(checks);
    } finally {
      if (!isStopped) next(everyMs ?? EVERY_MS);
    }
  };
  const next = (afterMs: number): void => {
    timer = setTimeout(() => detach(round, onError), afterMs).unref();
  };
  next(everyMs ?? FIRST_MS);
  return () => {
    isStopped = true;
    if (timer) clearTimeout(timer);
  };
}
