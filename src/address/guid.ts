// GUIDs: canonical text, Windows' bytes, and the service GUIDs that stand for vsock ports.
// A GUID is a string here, lower case, without braces: equal GUIDs are equal strings.
import { invalidAddress, invalidArgument } from '../errors.ts';
import { uint32Field } from './field.ts';

/** The largest port that has a service GUID: SDK HvSocket.h reserves the upper half. */
export const SERVICE_PORT_MAX = 0x7fff_ffff;

/** What follows the port's eight digits in HV_GUID_VSOCK_TEMPLATE (SDK HvSocket.h). */
const templateEnd = '-facb-11e6-bd58-64006a7986d3';

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The canonical form of a GUID in any case, with or without braces; undefined when `text` is none. */
export function readGuid(text: string): string | undefined {
  const bare = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  return pattern.test(bare) ? bare.toLowerCase() : undefined;
}

/** What is wrong with a text that `readGuid` refuses. */
export function guidProblem(text: string): string {
  const form = 'a GUID has 32 hexadecimal digits, grouped 8-4-4-4-12';
  if (!/^\{?[0-9a-f-]+\}?$/i.test(text)) return `${form}; ${JSON.stringify(text)} is none`;
  const digits = text.replace(/[^0-9a-f]/gi, '').length;
  return digits === 32 ? `${form}; this one is grouped differently` : `${form}; this one has ${digits}`;
}

/**
 * The canonical form of a GUID in any case, with or without braces.
 * @throws ERR_HVSOCK_INVALID_ADDRESS, saying how the text differs from a GUID; ERR_HVSOCK_INVALID_ARGUMENT if it is no
 * string
 */
export function parseGuid(text: string): string {
  if (typeof text !== 'string') throw invalidArgument('guid', text, 'a string');
  const guid = readGuid(text);
  if (guid === undefined) throw invalidAddress(text, guidProblem(text));
  return guid;
}

// Windows stores a GUID's first three fields little-endian, the rest as written. The order undoes itself.
const windowsOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/**
 * The 16 bytes of a GUID as Windows stores it (mixed-endian).
 * @throws ERR_HVSOCK_INVALID_ADDRESS if `guid` is no GUID
 */
export function toWindowsBytes(guid: string): Uint8Array {
  const digits = parseGuid(guid).replaceAll('-', '');
  return Uint8Array.from(windowsOrder, (index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16));
}

/**
 * The GUID in 16 bytes of Windows' (mixed-endian).
 * @throws ERR_HVSOCK_INVALID_ARGUMENT if they are not 16
 */
export function fromWindowsBytes(bytes: Uint8Array): string {
  if (!(bytes instanceof Uint8Array) || bytes.length !== 16) throw invalidArgument('bytes', bytes, '16 bytes');
  const digits = windowsOrder.map((index) => (bytes[index] as number).toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The service GUID that stands for a vsock port on Hyper-V, `pppppppp-facb-11e6-bd58-64006a7986d3`.
 * @param port 0 to 2147483647
 * @throws ERR_HVSOCK_INVALID_ARGUMENT
 */
export function serviceIdOfPort(port: number): string {
  return uint32Field('port', port, SERVICE_PORT_MAX).toString(16).padStart(8, '0') + templateEnd;
}

/**
 * The vsock port that a service GUID stands for; undefined for a GUID that stands for none.
 * @throws ERR_HVSOCK_INVALID_ADDRESS if `serviceId` is no GUID
 */
export function portOfServiceId(serviceId: string): number | undefined {
  const guid = parseGuid(serviceId);
  const port = Number.parseInt(guid.slice(0, 8), 16);
  return guid.endsWith(templateEnd) && port <= SERVICE_PORT_MAX ? port : undefined;
}
