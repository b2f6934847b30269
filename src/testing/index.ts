// hvsock/testing: an emulated hypervisor, and the contract suite that every transport of this library passes.
export type { Medium } from '../transports/hypervisor.ts';
export type { Exposures, Partition } from '../transports/partition.ts';
export { type Capabilities, type ContractOptions, type Pair, testTransport } from './contract.ts';
export { Emulator, type EmulatorOptions, type GuestOptions } from './emulator.ts';
export type { Faults } from './faults.ts';
export { Guest } from './guest.ts';
