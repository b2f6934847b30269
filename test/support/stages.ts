// A program of stages, one of which is run in a process of its own: its name is the argument; without one, all names are
// printed. In a worker, it is the worker's work that is done.
import { isMainThread } from 'node:worker_threads';

export async function runStages(
  stages: Readonly<Record<string, () => Promise<void> | void>>,
  workInWorker: () => Promise<void>,
): Promise<void> {
  const [, , stage] = process.argv;
  if (!isMainThread) await workInWorker();
  else if (stage === undefined) console.log(JSON.stringify(Object.keys(stages)));
  else await stages[stage]?.();
}
