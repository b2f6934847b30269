// Fields of addresses that arrive as untyped values: returned checked, or refused in a sentence.
// Knows no family.
import { invalidArgument } from '../errors.ts';

/** The largest CID and port; in both, the number that means "any". */
export const UINT32_MAX = 0xffff_ffff;

/**
 * `value` as an integer from 0 to `max` (4294967295 unless given).
 * @throws ERR_HVSOCK_INVALID_ARGUMENT
 */
export function uint32Field(name: string, value: unknown, max: number = UINT32_MAX): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw invalidArgument(name, value, `an integer from 0 to ${max}`);
  }
  return value + 0; // -0 becomes 0, so that equal addresses are deeply equal too
}

/**
 * Checks the names of an address's fields. One that is not `known` is refused, for ignoring the slip of
 * `{ port, cdi: 3 }` would listen on every CID. A `family`, as JSON has it, must be `family`.
 * @throws ERR_HVSOCK_INVALID_ARGUMENT
 */
export function checkFields(value: unknown, family: string, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw invalidArgument('address', value, 'an object');
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined || known.includes(name)) continue;
    if (name !== 'family') throw invalidArgument(name, field, `absent: a ${family} address has ${known.join(', ')}`);
    if (field !== family) throw invalidArgument(name, field, JSON.stringify(family));
  }
}
