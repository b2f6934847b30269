// An attempt with a limit of the transport's own, for callers who set none.
import type { HvsockError } from '../errors.ts';
import type { Attempt, Connection } from '../socket.ts';

type OnEnd = (error: HvsockError | undefined, connection?: Connection) => void;

/** Starts an attempt, and ends it with the error of `late` when it is not over after so many milliseconds. */
export function limited(
  milliseconds: number,
  late: () => HvsockError,
  start: (onEnd: OnEnd) => Attempt,
  onEnd: OnEnd,
): Attempt {
  const attempt = start((error, connection) => {
    clearTimeout(timer);
    onEnd(error, connection);
  });
  const timer = setTimeout(() => {
    attempt.cancel();
    onEnd(late());
  }, milliseconds);
  return {
    cancel() {
      clearTimeout(timer);
      attempt.cancel();
    },
    setRef(referenced) {
      attempt.setRef(referenced);
      timer[referenced ? 'ref' : 'unref']();
    },
  };
}
