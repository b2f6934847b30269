// What a socket family of the operating system adds to the addon's plain calls. Nothing here runs.
import type { Address } from '../address/address.ts';
import type { Family } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import type { Connection } from '../socket.ts';
import type { AttemptOptions, ChosenIo, ListenerOptions } from './transport.ts';

/** An established connection's ends. */
export interface Ends {
  readonly local: Address;
  readonly remote: Address;
}

export interface NativeFamily {
  readonly family: Family;
  /** Refuses options that only other families have. */
  checkOptions(options: AttemptOptions | ListenerOptions): void;
  /** A socket that is ready to connect: options set, bound where it must be. Throws. */
  openConnecting(binding: Binding, target: Address, options: AttemptOptions): number;
  /** The bytes to connect to. */
  sockaddrOf(target: Address, options: AttemptOptions): Uint8Array;
  /** A socket that listens. Throws. */
  openListening(binding: Binding, target: Address, options: ListenerOptions): number;
  /** A socket's own address, or its peer's. Throws. */
  readName(binding: Binding, fd: number, which: 'local' | 'peer'): Address;
  /** What there is to tell of a connection. `fd` answers for its options; undefined where no descriptor does. */
  connection(fd: number | undefined, ends: Ends, options: AttemptOptions): Connection;
  /** How bytes are carried here when `io` is `auto`: known at once, or after a probe. */
  chooseIo(): ChosenIo | Promise<ChosenIo>;
}

/** What it takes to listen. */
export interface Listening {
  readonly binding: Binding;
  readonly family: NativeFamily;
  readonly target: Address;
  /** How the bytes of each connection are carried. */
  readonly io: ChosenIo;
  readonly options: ListenerOptions;
}
