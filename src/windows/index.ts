// hvsock/windows: the virtual machines of a Windows host, and the services that it offers them.
export type { CommandOutcome, CommandRunner, WindowsOptions } from './commands.ts';
export {
  isServiceRegistered,
  listServices,
  type RegisterOptions,
  registerCommand,
  registerService,
  type Service,
  unregisterService,
} from './services.ts';
export type { MachineSource, MachineState, VirtualMachine } from './virtual-machine.ts';
export { listVirtualMachines, type MachineOptions, virtualMachineId } from './virtual-machines.ts';
