// The tools of other packages that tests need.
import { provideTools } from '../../scripts/debian.js';

/**
 * Sees to it that the tools are there: commands or absolute paths, each with the Debian package that has it. Else the
 * answer is why a test must be skipped, or under `CI=true` an error.
 */
export async function requireTools(tools: Readonly<Record<string, string>>): Promise<string | false> {
  const missing = provideTools(tools);
  return missing === undefined ? false : absence(missing);
}

/** The reason to skip a test. Under `CI=true` there is none: a test that is always skipped proves nothing. */
export function absence(reason: string): string {
  if (process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}
