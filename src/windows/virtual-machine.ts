// A virtual machine of this host, as Windows tells of it.

/** What a machine is doing. `critical`: it has lost its storage or another part of it. */
export type MachineState =
  | 'running'
  | 'off'
  | 'stopping'
  | 'saved'
  | 'paused'
  | 'starting'
  | 'resetting'
  | 'saving'
  | 'pausing'
  | 'resuming'
  | 'critical'
  | 'other';

/** Who runs machines: Hyper-V, or the Windows Subsystem for Linux, whose distributions share one. */
export type MachineSource = 'hyperv' | 'wsl';

export interface VirtualMachine {
  /** As its owner has named it; several may share one. WSL's machine is called `WSL`. */
  readonly name: string;
  /** The GUID to connect to, in canonical form. That of WSL's machine is another after each start. */
  readonly id: string;
  readonly state: MachineState;
  readonly source: MachineSource;
}
