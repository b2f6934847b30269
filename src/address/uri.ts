// Addresses from text: the one grammar, the same on every operating system. Each value formats itself.
import { type HvsockError, invalidAddress, invalidArgument } from '../errors.ts';
import { UINT32_MAX } from './field.ts';
import { guidProblem, readGuid, SERVICE_PORT_MAX, serviceIdOfPort } from './guid.ts';
import {
  type Dialect,
  dialectHasPort,
  dialectOfScheme,
  HybridAddress,
  type PathLimitOptions,
  pathProblem,
} from './hybrid.ts';
import { HV_GUID_WILDCARD, HypervAddress, readVmId, vmIdOfName } from './hyperv.ts';
import { cidOfName, VMADDR_CID_ANY, VMADDR_PORT_ANY, VsockAddress } from './vsock.ts';

/** Makes the error for the text that is being read. */
type Refuse = (problem: string) => HvsockError;

const schemes: readonly string[] = ['vsock', 'hvsock', ...dialectOfScheme.keys()];

/** Spellings that other programs use, and the scheme that is meant. */
const foreignSchemes: ReadonlyMap<string, string> = new Map([
  ['hyperv', 'hvsock'],
  ['hyperv-connect', 'hvsock'],
]);

/**
 * Reads an address. Scheme, names and GUIDs may be in any case; numbers are decimal, or hexadecimal after `0x`.
 * @throws ERR_HVSOCK_INVALID_ADDRESS quoting the text and saying what is wrong with it;
 * ERR_HVSOCK_INVALID_ARGUMENT if it is no string
 */
export function parseAddress(
  text: string,
  options: PathLimitOptions = {},
): VsockAddress | HypervAddress | HybridAddress {
  if (typeof text !== 'string') throw invalidArgument('address', text, 'a string');
  const refuse: Refuse = (problem) => invalidAddress(text, problem);

  const match = /^([a-z][a-z0-9+.-]*):(\/\/)?(.*)$/is.exec(text);
  if (match === null) throw refuse(schemeMissing(text));
  const scheme = (match[1] as string).toLowerCase();
  const rest = match[3] as string;
  if (scheme === 'vsock') return parseVsock(rest, refuse); // with slashes or, as gRPC writes it, without

  const dialect = dialectOfScheme.get(scheme);
  if (scheme !== 'hvsock' && dialect === undefined) throw refuse(schemeUnknown(scheme));
  if (match[2] === undefined) throw refuse(`two slashes are missing; write ${scheme}://`);
  return dialect === undefined ? parseHyperv(rest, refuse) : parseHybrid(scheme, dialect, rest, refuse, options);
}

/** `CID:PORT`, the CID perhaps empty. */
function parseVsock(rest: string, refuse: Refuse): VsockAddress {
  const [, cid, port, trailing] = /^([^:]*):([^:/?#]*)(.*)$/s.exec(rest) ?? [];
  if (cid === undefined || !port) throw refuse('the port is missing; write vsock://CID:PORT');
  if (trailing) throw refuse(`nothing may follow the port, and ${JSON.stringify(trailing)} does`);
  const isAnyPort = lowerCase(port) === 'any';
  return new VsockAddress({
    cid: parseCid(cid, refuse),
    port: isAnyPort ? VMADDR_PORT_ANY : parseNumber('port', port, UINT32_MAX, refuse),
  });
}

function parseCid(cid: string, refuse: Refuse): number {
  if (cid === '') return VMADDR_CID_ANY;
  return cidOfName.get(lowerCase(cid)) ?? parseNumber('CID', cid, UINT32_MAX, refuse);
}

/** `VM/SERVICE`, the machine perhaps empty. */
function parseHyperv(rest: string, refuse: Refuse): HypervAddress {
  const [, vm, service, trailing] = /^([^/]*)\/([^/?#]*)(.*)$/s.exec(rest) ?? [];
  if (vm === undefined || !service) throw refuse('the service is missing; write hvsock://VM/SERVICE');
  if (trailing) throw refuse(`nothing may follow the service, and ${JSON.stringify(trailing)} does`);
  const vmId = vm === '' ? HV_GUID_WILDCARD : readVmId(vm);
  if (vmId === undefined) throw refuse(vmProblem(vm));
  return new HypervAddress({ vmId, serviceId: parseService(service, refuse) });
}

function parseService(service: string, refuse: Refuse): string {
  const guid = readGuid(service);
  if (guid !== undefined) return guid;
  if (/^(-?\d+|0x.*)$/i.test(service)) {
    return serviceIdOfPort(parseNumber('port', service, SERVICE_PORT_MAX, refuse));
  }
  throw refuse(`the service must be a GUID or a port: ${guidProblem(service)}`);
}

/** `:PORT/PATH`, or for a dialect without ports `/PATH`. The path is literal: file names may hold any character. */
function parseHybrid(
  scheme: string,
  dialect: Dialect,
  rest: string,
  refuse: Refuse,
  options: PathLimitOptions,
): HybridAddress {
  const [, owner, port, path = ''] = /^([^:/]*)(?::([^/]*))?(.*)$/s.exec(rest) ?? [];
  const hasPort = dialectHasPort(dialect);
  const form = `write ${scheme}://${hasPort ? ':PORT' : ''}/PATH`;
  if (owner) throw refuse(`an absolute path names the machine, not ${JSON.stringify(owner)}; ${form}`);
  if (hasPort && !port) throw refuse(`the port is missing; ${form}`);
  if (!hasPort && port !== undefined) throw refuse(`a ${dialect} address has no port; ${form}`);
  if (path === '') throw refuse(`the path is missing; ${form}`);

  const fields = { dialect, path, port: port ? parseNumber('port', port, UINT32_MAX, refuse) : undefined };
  const problem = pathProblem(fields, options);
  if (problem !== undefined) throw refuse(problem);
  return new HybridAddress(fields, options);
}

function parseNumber(what: 'CID' | 'port', text: string, max: number, refuse: Refuse): number {
  if (/^-\d+$/.test(text)) throw refuse(`the ${what} ${text} is negative; it must be from 0 to ${max}`);
  // A leading zero means octal to some readers and nothing to others.
  if (!/^(0|[1-9]\d*|0x[0-9a-f]+)$/i.test(text)) {
    const quoted = JSON.stringify(text);
    throw refuse(`the ${what} ${quoted} is no number; write it in decimal without leading zeros, or as 0x and hex`);
  }
  const number = Number(text);
  if (number > max) throw refuse(`${what} out of range 0 to ${max}`);
  return number;
}

function vmProblem(vm: string): string {
  if (/^\{?[0-9a-f-]{16,}\}?$/i.test(vm)) return guidProblem(vm);
  const names = [...vmIdOfName.keys()].join(', ');
  return `${JSON.stringify(vm)} is neither a GUID nor one of ${names}; "hvsock vms" shows each machine's GUID`;
}

function schemeMissing(text: string): string {
  if (text === '') return 'it is empty';
  if (/^\d*:\d+$/.test(text)) return `the scheme is missing; did you mean vsock://${text}?`;
  if (text.startsWith('/')) return `the scheme is missing; did you mean unix://${text}?`;
  return `the scheme is missing; it begins with one of ${listOfSchemes()}`;
}

function schemeUnknown(scheme: string): string {
  const meant = foreignSchemes.get(scheme) ?? nearestScheme(scheme);
  const remedy = meant === undefined ? `use one of ${listOfSchemes()}` : `did you mean ${meant}://?`;
  return `unknown scheme ${JSON.stringify(scheme)}; ${remedy}`;
}

function listOfSchemes(): string {
  return schemes.map((scheme) => `${scheme}://`).join(', ');
}

/** The known scheme within two typing errors of `scheme`, if there is one. */
function nearestScheme(scheme: string): string | undefined {
  const distances = schemes
    .filter((known) => Math.abs(known.length - scheme.length) <= 2)
    .map((known) => ({ known, distance: editDistance(known, scheme) }))
    .filter(({ distance }) => distance <= 2)
    .sort((a, b) => a.distance - b.distance);
  return distances[0]?.known;
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substituted));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Lower case of ASCII only: `'\u212A'.toLowerCase()`, the Kelvin sign's, is a `k` that nobody typed. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
