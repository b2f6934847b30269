// Examples as their users run them: each side a process of its own.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { root, runWell } from '../package/command.js';
import { accompanyWith, type Companion } from '../support/commands.js';

/** Where the compiled examples are. */
export const examples: string = join(root, 'build/ts/examples');

// What the compiler leaves behind.
copyFileSync(join(root, 'examples/grpc/greeter.proto'), join(examples, 'grpc/greeter.proto'));

/** Variables of the environment, over this process's own. */
export type Variables = Readonly<Record<string, string>>;

/** Starts the serving side, which ends with the test. */
export function serveExample(context: TestContext, name: string, args: string[], variables: Variables = {}): Companion {
  return accompanyWith(context, variables, process.execPath, join(examples, name), ...args);
}

/** Runs the other side to its end: what it prints. */
export function runExample(name: string, args: string[], variables: Variables = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  return runWell(process.execPath, [join(examples, name), ...args], { env, timeout: 60_000 });
}
