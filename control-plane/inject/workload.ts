import type { Manifest, PodTemplate } from './manifest.ts';

/** An object that keeps pods running, and what those are made of. */
export interface Workload {
  manifest: Manifest;
  template: PodTemplate;
}
