// Services that a Windows host offers to its machines: keys under GuestCommunicationServices.
// A host that listens is reached only at services that are registered there; connecting to a machine needs none.
import { portOfServiceId, readGuid } from '../address/guid.ts';
import { serviceIdField } from '../address/hyperv.ts';
import { type HvsockError, invalidArgument } from '../errors.ts';
import { Commands, type WindowsOptions } from './commands.ts';
import { deleteKey, hasKey, readKeys, setText } from './registry.ts';

/** A registered service. */
export interface Service {
  /** Its GUID in canonical form. */
  readonly serviceId: string;
  /** The vsock port that the GUID stands for, if it stands for one. */
  readonly port: number | undefined;
  /** Its ElementName, which people read; undefined where it has none. */
  readonly name: string | undefined;
}

export interface RegisterOptions extends WindowsOptions {
  /**
   * The name that people read, one line of up to 255 characters. A service that is registered keeps its own unless this is
   * given. Default: `hvsock port 1024`, or `hvsock` and the GUID.
   */
  readonly name?: string | undefined;
}

// https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/make-integration-service
const SERVICES = 'HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\GuestCommunicationServices';
const NAME_MAX = 255;

/**
 * All registered services, in the order of their GUIDs. Needs no rights.
 * Rejects with ERR_HVSOCK_INVALID_ARGUMENT, ERR_HVSOCK_UNSUPPORTED (not on Windows), ERR_HVSOCK_COMMAND (reg.exe failed),
 * ETIMEDOUT or ABORT_ERR.
 */
export async function listServices(options: WindowsOptions = {}): Promise<Service[]> {
  const keys = await readKeys(new Commands('listing services', options), SERVICES);
  const services = keys.flatMap(({ path, values }) => {
    const [parent, last = ''] = path.split('\\').slice(-2);
    const serviceId = readGuid(last);
    // What is below a service is none, and neither is a GUID in braces.
    if (serviceId === undefined || last.startsWith('{') || parent?.toLowerCase() !== 'guestcommunicationservices') {
      return [];
    }
    const name = values.get('elementname');
    return [{ serviceId, port: portOfServiceId(serviceId), name: typeof name === 'string' ? name : undefined }];
  });
  return services.sort((a, b) => (a.serviceId < b.serviceId ? -1 : 1));
}

/**
 * Registers a service, given by GUID or port, so that machines can connect to it. One that is registered already is left
 * as it is, unless it is given another name; leaving it needs no rights, all else does.
 * Fulfilled with whether anything was changed. Rejects as `listServices` does, and with ERR_HVSOCK_PERMISSION, whose message
 * has the command to run elevated.
 */
export async function registerService(service: string | number, options: RegisterOptions = {}): Promise<boolean> {
  const serviceId = serviceIdField(service);
  const { name } = options;
  if (name !== undefined) checkName(name);
  const commands = new Commands(`registering service ${serviceId}`, options);
  const [key] = await readKeys(commands, keyOf(serviceId));
  if (key !== undefined && (name === undefined || key.values.get('elementname') === name)) return false;
  const isPermitted = await setText(commands, keyOf(serviceId), 'ElementName', name ?? defaultName(serviceId));
  if (!isPermitted) throw permissionError(commands, registerCommand(serviceId, name));
  return true;
}

/**
 * Removes a service, given by GUID or port. Needs rights if it is registered.
 * Fulfilled with whether it was. Rejects as `registerService` does.
 */
export async function unregisterService(service: string | number, options: WindowsOptions = {}): Promise<boolean> {
  const serviceId = serviceIdField(service);
  const commands = new Commands(`unregistering service ${serviceId}`, options);
  if (!(await hasKey(commands, keyOf(serviceId)))) return false;
  const isPermitted = await deleteKey(commands, keyOf(serviceId));
  if (!isPermitted) throw permissionError(commands, `hvsock services unregister ${shortestName(serviceId)}`);
  return true;
}

/**
 * Whether a service, given by GUID or port, is registered: one run of reg.exe if it is. Needs no rights.
 * Rejects as `listServices` does.
 */
export async function isServiceRegistered(service: string | number, options: WindowsOptions = {}): Promise<boolean> {
  const serviceId = serviceIdField(service);
  return hasKey(new Commands(`looking for service ${serviceId}`, options), keyOf(serviceId));
}

/** Whether this machine has services to register at all: it is a host of machines. Rejects as `listServices` does. */
export async function isServiceHost(options: WindowsOptions = {}): Promise<boolean> {
  return hasKey(new Commands('looking for services', options), SERVICES);
}

/**
 * The command that registers a service, for messages: `hvsock services register 1024`. Runs nothing.
 * @param service a GUID or a port
 * @param name the name, if it is to have one of its own; quoted as PowerShell reads it
 * @throws ERR_HVSOCK_INVALID_ARGUMENT
 */
export function registerCommand(service: string | number, name?: string): string {
  const command = `hvsock services register ${shortestName(serviceIdField(service))}`;
  return name === undefined ? command : `${command} --name '${name.replaceAll("'", "''")}'`;
}

function keyOf(serviceId: string): string {
  return `${SERVICES}\\${serviceId}`;
}

/** The port that the service stands for, or its GUID. */
function shortestName(serviceId: string): string {
  return String(portOfServiceId(serviceId) ?? serviceId);
}

function defaultName(serviceId: string): string {
  const port = portOfServiceId(serviceId);
  return port === undefined ? `hvsock ${serviceId}` : `hvsock port ${port}`;
}

function checkName(name: unknown): void {
  if (typeof name !== 'string' || name.trim() === '' || name.length > NAME_MAX || /\p{Cc}/u.test(name)) {
    throw invalidArgument('name', name, `one line of 1 to ${NAME_MAX} characters`);
  }
}

function permissionError(commands: Commands, command: string): HvsockError {
  return commands.error(`not permitted; run once, as administrator: ${command}`, {
    code: 'ERR_HVSOCK_PERMISSION',
    kind: 'permission',
  });
}
