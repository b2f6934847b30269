// `hvsock services`: what a Windows host offers to its machines.
import { listServices, registerService, unregisterService, type WindowsOptions } from '../windows/index.ts';
import { print } from './print.ts';
import type { Reporter } from './reporter.ts';
import type { ServicesRun } from './services-arguments.ts';
import { formatTable } from './table.ts';

interface Surroundings {
  readonly reporter: Reporter;
  readonly windows?: WindowsOptions;
  /** Takes what goes to stdout. Default: stdout does. */
  readonly show?: (text: string) => unknown;
}

/** Fulfilled with the exit status. */
export async function runServices(
  run: ServicesRun,
  { reporter, windows, show = print }: Surroundings,
): Promise<number> {
  switch (run.action) {
    case 'list': {
      const services = await listServices(windows);
      if (services.length === 0) reporter.tell('empty', {}, 'there are no services');
      const rows = services.map(({ serviceId, port, name }) => [serviceId, `${port ?? '-'}`, name ?? '']);
      show(run.json ? `${JSON.stringify(services, undefined, 2)}\n` : formatTable(rows));
      return 0;
    }
    case 'register': {
      const { serviceId, name } = run;
      const changed = await registerService(serviceId, { ...windows, name });
      const text = changed ? `registered service ${serviceId}` : `service ${serviceId} was registered already`;
      reporter.tell('registered', { serviceId, changed }, text);
      return 0;
    }
    case 'unregister': {
      const { serviceId } = run;
      const changed = await unregisterService(serviceId, windows);
      const text = changed ? `unregistered service ${serviceId}` : `service ${serviceId} was not registered`;
      reporter.tell('unregistered', { serviceId, changed }, text);
      return 0;
    }
  }
}
