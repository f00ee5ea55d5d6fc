import { Command } from 'commander';

/** What every replica of a benchmark is told, as the mesh tells it. */
export interface ReplicaValues {
  port: number;
  host: string;
}

/** The command line of a benchmark's replica. */
export const replicaCommand = (): Command =>
  new Command()
    .option('--port <port>', 'where it listens; 0 takes a free one', Number, 0)
    .option('--host <host>', 'address that it listens on', '127.0.0.1')
    .option('--name <name>', 'taken for the sake of callers');
