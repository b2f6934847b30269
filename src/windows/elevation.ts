// Whether this process has an administrator's rights, which takes more than an administrator's account.
import type { Commands } from './commands.ts';

/** Only who is elevated may read the hive of LocalService. Rejects as `Commands.run` does. */
export async function isElevated(commands: Commands): Promise<boolean> {
  const { status } = await commands.run('reg.exe', 'query', 'HKU\\S-1-5-19');
  return status === 0;
}
