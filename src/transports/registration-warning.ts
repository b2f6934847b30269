// A host that listens for its machines on a service that is not registered is reached by nobody, and is told nothing: this
// tells it.
import { HV_GUID_LOOPBACK, type HypervAddress } from '../address/hyperv.ts';
import { HvsockError } from '../errors.ts';
import { isServiceHost, isServiceRegistered, registerCommand } from '../windows/services.ts';

/**
 * Emits a process warning with the code `HVSOCK_NOT_REGISTERED` and the command that mends it, if machines of this host
 * cannot reach that listener. Looks at the registry, and says nothing where that cannot be read.
 */
export async function warnUnlessRegistered({ vmId, serviceId }: HypervAddress): Promise<void> {
  if (vmId === HV_GUID_LOOPBACK) return;
  try {
    if (!(await isServiceHost()) || (await isServiceRegistered(serviceId))) return;
  } catch (error) {
    if (error instanceof HvsockError) return;
    throw error;
  }
  process.emitWarning(
    `service ${serviceId} is not registered, so no machine of this host can connect to it; ` +
      `run once, as administrator: ${registerCommand(serviceId)}`,
    { type: 'HvsockWarning', code: 'HVSOCK_NOT_REGISTERED' },
  );
}
