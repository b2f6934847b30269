// What a tool says on stderr: one line for each thing, as text or as JSON.
import { HvsockError } from '../index.ts';
import type { Progress } from './progress.ts';

export interface ReporterOptions {
  /** The name of the program, which begins every line of text. */
  readonly tool: string;
  /** Also tell what happens, not only what fails. */
  readonly verbose: boolean;
  /** One JSON object a line. */
  readonly json: boolean;
}

/** What happened, for programs; `event` and `time` are added. */
export type EventFields = Readonly<Record<string, unknown>>;

export class Reporter {
  /** Is erased while a line is written. */
  progress: Progress | undefined;
  readonly #options: ReporterOptions;

  constructor(options: ReporterOptions) {
    this.#options = options;
    // Whoever closed stderr does not want to know.
    process.stderr.on('error', () => {});
    // A warning is a line like any other.
    process.removeAllListeners('warning');
    process.on('warning', (warning) => this.#write('warning', errorFields(warning), `warning: ${errorText(warning)}`));
  }

  /** Something that `-v` tells. */
  tell(event: string, fields: EventFields, text: string): void {
    if (this.#options.verbose) this.#write(event, fields, text);
  }

  /** Something that everybody is told. */
  fail(error: unknown, fields: EventFields = {}): void {
    this.#write('error', { ...fields, ...errorFields(error) }, errorText(error));
  }

  #write(event: string, fields: EventFields, text: string): void {
    const { json, tool } = this.#options;
    const line = json
      ? JSON.stringify({ event, time: new Date().toISOString(), ...fields })
      : `${tool}: ${text.replaceAll(/\s*\n\s*/g, ' ')}`;
    this.progress?.clear();
    process.stderr.write(`${line}\n`);
  }
}

/** The message of an error, and its kind where it has one. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof HvsockError ? `${error.message} (${error.kind})` : error.message;
}

/** The same for programs. */
export function errorFields(error: unknown): EventFields {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message } = error;
  if (!(error instanceof HvsockError)) return { message };
  const { kind, code, address } = error;
  return { message, kind, code, address };
}
