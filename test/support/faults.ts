// Loads the faulty addon in the place of the real one. Import this before anything is connected.
import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errnoOf } from '#src/errors.js';
import type { Binding } from '#src/native/binding.js';

/** The result of a call by its name: an errno, or 'never' for a connect that stays under way. */
export type Faults = Partial<Record<keyof Binding | 'placeholder', number | 'never'>>;

const path = fileURLToPath(new URL('../../../../test/support/faulty-addon.cjs', import.meta.url));
process.env['HVSOCK_ADDON'] = path;

const addon = createRequire(import.meta.url)(path) as {
  faults: Faults;
  connects: { started: number; cancelled: number };
};

/** From now to the end of the test, calls answer so. */
export function inject(context: TestContext, faults: Faults): void {
  Object.assign(addon.faults, faults);
  context.after(() => {
    for (const name of Object.keys(faults)) delete addon.faults[name as keyof Faults];
  });
}

/** Counts since the last call of this. */
export function takeConnects(): { started: number; cancelled: number } {
  const counts = { ...addon.connects };
  Object.assign(addon.connects, { started: 0, cancelled: 0 });
  return counts;
}

/** The number by which the system, or Node for it, says this. */
export const errno: (code: string) => number = errnoOf;
