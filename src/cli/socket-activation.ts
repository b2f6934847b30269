// The sockets that systemd passes to a service: man sd_listen_fds(3).
import { UsageError } from './arguments.ts';

const FIRST = 3;

/**
 * Their descriptors. The environment forgets them, so that no child takes them for its own.
 * @throws UsageError if there are none for this process
 */
export function takeActivatedDescriptors(environment: NodeJS.ProcessEnv = process.env): number[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
  if (pid !== String(process.pid) || count === undefined || !/^[1-9]\d*$/.test(count)) {
    const given =
      pid === undefined ? '' : `; LISTEN_PID is ${pid}, LISTEN_FDS ${count}, and this is process ${process.pid}`;
    throw new UsageError(`systemd has passed no sockets to listen on${given}`);
  }
  return Array.from({ length: Number(count) }, (_, index) => FIRST + index);
}
