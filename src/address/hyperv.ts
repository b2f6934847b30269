// The address of an AF_HYPERV socket: a machine's GUID and a service's, their names, text and SOCKADDR_HV.

import { invalidArgument } from '../errors.ts';
import { checkFields } from './field.ts';
import { fromWindowsBytes, readGuid, SERVICE_PORT_MAX, serviceIdOfPort, toWindowsBytes } from './guid.ts';
import { inspectAsText } from './inspection.ts';

// Values and meanings: HvSocket.h of the Windows SDK.

/** Any machine: listen for every partition. */
export const HV_GUID_WILDCARD: string = '00000000-0000-0000-0000-000000000000';
/** The same GUID as HV_GUID_WILDCARD. */
export const HV_GUID_ZERO: string = HV_GUID_WILDCARD;
/** Defined by the SDK; nothing is known to use it. */
export const HV_GUID_BROADCAST: string = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** Every child of this partition: listen for one's own machines only. */
export const HV_GUID_CHILDREN: string = '90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd';
/** This partition itself. */
export const HV_GUID_LOOPBACK: string = 'e0e16197-dd56-4a10-9195-5ee7a155a838';
/** The parent: from a machine its host, from a silo the silo's host or, inside a machine, that machine's. */
export const HV_GUID_PARENT: string = 'a42e7cda-d03f-480c-9cc2-a4de20abb878';
/** The host of the silo (container) that this process runs in. */
export const HV_GUID_SILOHOST: string = '36bd0c5c-7276-4223-88ba-7d03b654c568';
/** The service GUID of vsock port 0; its first field is the port. See `serviceIdOfPort`. */
export const HV_GUID_VSOCK_TEMPLATE: string = '00000000-facb-11e6-bd58-64006a7986d3';

/** The names that text may use for machine ids, and that formatting chooses. */
export const vmIdOfName: ReadonlyMap<string, string> = new Map([
  ['wildcard', HV_GUID_WILDCARD],
  ['children', HV_GUID_CHILDREN],
  ['loopback', HV_GUID_LOOPBACK],
  ['parent', HV_GUID_PARENT],
  ['silohost', HV_GUID_SILOHOST],
  ['broadcast', HV_GUID_BROADCAST],
]);

const nameOfVmId: ReadonlyMap<string, string> = new Map([...vmIdOfName].map(([name, vmId]) => [vmId, name]));

/** What a `HypervAddress` is made from. */
export interface HypervFields {
  readonly family?: 'hyperv' | undefined;
  /** A GUID, or one of the names wildcard, children, loopback, parent, silohost, broadcast. */
  readonly vmId: string;
  /** A GUID, or a vsock port from 0 to 2147483647. */
  readonly serviceId: string | number;
}

const AF_HYPERV = 34;
const SOCKADDR_HV_LENGTH = 36;
const VM_ID_OFFSET = 4;
const SERVICE_ID_OFFSET = 20;

/** The canonical id of a machine given by GUID or well-known name, in any case; undefined when `text` is neither. */
export function readVmId(text: string): string | undefined {
  return readGuid(text) ?? (/^[a-z]+$/i.test(text) ? vmIdOfName.get(text.toLowerCase()) : undefined);
}

/** A machine's GUID and a service's, both as canonical text. Immutable. */
export class HypervAddress {
  readonly family = 'hyperv' as const;
  /** Lower case, without braces. */
  readonly vmId: string;
  /** Lower case, without braces. */
  readonly serviceId: string;

  /** @throws ERR_HVSOCK_INVALID_ARGUMENT naming the field */
  constructor(fields: HypervFields) {
    checkFields(fields, 'hyperv', ['vmId', 'serviceId']);
    this.vmId = vmIdField(fields.vmId);
    this.serviceId = serviceIdField(fields.serviceId);
    Object.freeze(this);
  }

  /**
   * Reads a SOCKADDR_HV; bytes behind its 36 are ignored, since buffers for addresses are often longer.
   * @throws ERR_HVSOCK_INVALID_ARGUMENT if the bytes are too few or of another family
   */
  static fromSockaddr(bytes: Uint8Array): HypervAddress {
    if (!(bytes instanceof Uint8Array) || bytes.length < SOCKADDR_HV_LENGTH) {
      throw invalidArgument('sockaddr', bytes, `at least ${SOCKADDR_HV_LENGTH} bytes`);
    }
    const family = new DataView(bytes.buffer, bytes.byteOffset).getUint16(0, true);
    if (family !== AF_HYPERV) throw invalidArgument('sockaddr family', family, `AF_HYPERV (${AF_HYPERV})`);
    return new HypervAddress({
      vmId: fromWindowsBytes(bytes.subarray(VM_ID_OFFSET, SERVICE_ID_OFFSET)),
      serviceId: fromWindowsBytes(bytes.subarray(SERVICE_ID_OFFSET, SOCKADDR_HV_LENGTH)),
    });
  }

  /** The SOCKADDR_HV: 36 bytes, little-endian, as Windows runs on nothing else. */
  toSockaddr(): Uint8Array {
    const bytes = new Uint8Array(SOCKADDR_HV_LENGTH);
    new DataView(bytes.buffer).setUint16(0, AF_HYPERV, true);
    bytes.set(toWindowsBytes(this.vmId), VM_ID_OFFSET);
    bytes.set(toWindowsBytes(this.serviceId), SERVICE_ID_OFFSET);
    return bytes;
  }

  /** `hvsock://parent/00000400-facb-11e6-bd58-64006a7986d3`: a well-known machine by name, the service by GUID. */
  toString(): string {
    return `hvsock://${nameOfVmId.get(this.vmId) ?? this.vmId}/${this.serviceId}`;
  }

  toJSON(): { family: 'hyperv'; vmId: string; serviceId: string } {
    return { family: this.family, vmId: this.vmId, serviceId: this.serviceId };
  }

  equals(other: unknown): boolean {
    return other instanceof HypervAddress && other.vmId === this.vmId && other.serviceId === this.serviceId;
  }

  static {
    inspectAsText(HypervAddress);
  }
}

function vmIdField(value: unknown): string {
  const vmId = typeof value === 'string' ? readVmId(value) : undefined;
  if (vmId === undefined) throw invalidArgument('vmId', value, `a GUID or one of ${[...vmIdOfName.keys()].join(', ')}`);
  return vmId;
}

/**
 * The service GUID in canonical form, of a GUID or a port.
 * @throws ERR_HVSOCK_INVALID_ARGUMENT
 */
export function serviceIdField(value: unknown): string {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= SERVICE_PORT_MAX) {
    return serviceIdOfPort(value);
  }
  const serviceId = typeof value === 'string' ? readGuid(value) : undefined;
  if (serviceId === undefined) {
    throw invalidArgument('serviceId', value, `a GUID or a port, an integer from 0 to ${SERVICE_PORT_MAX}`);
  }
  return serviceId;
}
