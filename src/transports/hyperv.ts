// AF_HYPERV on Windows. Sources: HvSocket.h of the Windows SDK; Microsoft's page 'Make your own integration services'.
import { HV_GUID_WILDCARD, HV_GUID_ZERO, HypervAddress } from '../address/hyperv.ts';
import { type HvsockError, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import { refusePathOptions, refuseVsockOptions } from './foreign-options.ts';
import { chooseIo } from './hyperv-probe.ts';
import { limited } from './limited.ts';
import { NativeCalls } from './native-calls.ts';
import type { NativeFamily } from './native-family.ts';
import { nativeTransport } from './native-transport.ts';
import { warnUnlessRegistered } from './registration-warning.ts';
import type { AttemptOptions, ListenerOptions, Transport } from './transport.ts';

const AF_HYPERV = 34;
const SOCK_STREAM = 1;
/** Compulsory: with protocol 0 there is no such socket. Also the level of the family's options. */
const HV_PROTOCOL_RAW = 1;
const calls = new NativeCalls('hyperv', { family: AF_HYPERV, type: SOCK_STREAM, protocol: HV_PROTOCOL_RAW });

const HVSOCKET_CONNECT_TIMEOUT = 0x01;
const HVSOCKET_CONTAINER_PASSTHRU = 0x02;
const HVSOCKET_CONNECTED_SUSPEND = 0x04;
const HVSOCKET_HIGH_VTL = 0x08;
/** HVSOCKET_CONNECT_TIMEOUT_MAX, in milliseconds. */
const LONGEST_CONNECT_TIMEOUT = 300_000;

// winsock2.h.
const SOL_SOCKET = 0xffff;
const SO_SNDBUF = 0x1001;
const SO_RCVBUF = 0x1002;
const WSAECONNREFUSED = 10_061;

/** Twice to four times as fast as the rings of 24 KiB that Linux guests have unless asked for more. */
const BUFFER_SIZE = 64 * 1024;
/**
 * How long a connect waits for a service that nobody offers, unless the caller says: some builds never answer. What
 * ocaml-hvsock's users know.
 */
const REFUSED_AFTER = 1000;

function setOptions(binding: Binding, fd: number, options: AttemptOptions | ListenerOptions): void {
  const { bufferSize = BUFFER_SIZE, connectedSuspend, containerPassthru, highVtl } = options;
  const set = (level: number, name: number, value: number | boolean) =>
    calls.setOption(binding, fd, level, name, Uint32Array.of(Number(value)));
  for (const name of [SO_SNDBUF, SO_RCVBUF]) set(SOL_SOCKET, name, bufferSize);
  try {
    set(HV_PROTOCOL_RAW, HVSOCKET_CONNECTED_SUSPEND, connectedSuspend ?? true);
  } catch (error) {
    // Old builds do not have it, and nobody has asked for it.
    if (connectedSuspend !== undefined || (error as HvsockError).kind !== 'unsupported') throw error;
  }
  if (containerPassthru !== undefined) set(HV_PROTOCOL_RAW, HVSOCKET_CONTAINER_PASSTHRU, containerPassthru);
  if (highVtl !== undefined) set(HV_PROTOCOL_RAW, HVSOCKET_HIGH_VTL, highVtl);
  if ('backlog' in options) return;
  const timeout = Math.min((options.timeout ?? REFUSED_AFTER) + 1000, LONGEST_CONNECT_TIMEOUT);
  set(HV_PROTOCOL_RAW, HVSOCKET_CONNECT_TIMEOUT, timeout);
}

const family: NativeFamily = {
  family: 'hyperv',

  checkOptions(options) {
    refusePathOptions(options);
    refuseVsockOptions(options, 'AF_HYPERV does not have it');
  },

  openConnecting(binding, target, options) {
    return calls.open(binding, target, (fd) => {
      setOptions(binding, fd, options);
      // ConnectEx wants a bound socket.
      calls.bind(binding, fd, new HypervAddress({ vmId: HV_GUID_WILDCARD, serviceId: HV_GUID_ZERO }));
    });
  },

  sockaddrOf: (target) => (target as HypervAddress).toSockaddr(),

  openListening(binding, target, options) {
    return calls.open(binding, target, (fd) => {
      setOptions(binding, fd, options);
      calls.bind(binding, fd, target as HypervAddress);
      calls.listen(binding, fd, options.backlog, target);
    });
  },

  readName: (binding, fd, which) => HypervAddress.fromSockaddr(calls.nameOf(binding, fd, which)),
  connection: (_fd, ends) => ({ ...ends }),
  chooseIo: () => chooseIo(transport),
};

const transport: Transport = nativeTransport(family);

export const hypervTransport: Transport = {
  ...transport,
  connect(socket, target, options, onEnd) {
    if (options.timeout !== undefined) return transport.connect(socket, target, options, onEnd);
    const refused = () => systemError(-WSAECONNREFUSED, 'connect', 'hyperv', `${target}`);
    return limited(REFUSED_AFTER, refused, (end) => transport.connect(socket, target, options, end), onEnd);
  },
  async listen(target, options, accepting, events) {
    const listener = await transport.listen(target, options, accepting, events);
    warnUnlessRegistered(listener.address as HypervAddress);
    return listener;
  },
  async attach(server, target, options) {
    await transport.attach(server, target, options);
    warnUnlessRegistered(target as HypervAddress);
  },
};
