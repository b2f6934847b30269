// What a command line of `hvsock services` means.
import { readServiceId } from './address-argument.ts';
import { readCommandLine, UsageError } from './arguments.ts';

/** One run of `hvsock services`. */
export type ServicesRun = { readonly json: boolean } & (
  | { readonly action: 'list' }
  | { readonly action: 'register'; readonly serviceId: string; readonly name: string | undefined }
  | { readonly action: 'unregister'; readonly serviceId: string }
);

/**
 * Undefined where help is asked for.
 * @throws UsageError
 */
export function readServicesCommandLine(args: readonly string[]): ServicesRun | undefined {
  const { values, positionals } = readCommandLine(args, {
    json: { type: 'boolean' },
    name: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return undefined;
  const { json = false, name } = values;
  const [action, service, ...others] = positionals;
  if (name !== undefined && action !== 'register') throw new UsageError('--name is for services register');
  if (name?.trim() === '') throw new UsageError('--name needs a name');
  switch (action) {
    case 'list':
      if (service !== undefined)
        throw new UsageError(`services list takes no argument, not ${JSON.stringify(service)}`);
      return { action, json };
    case 'register':
    case 'unregister': {
      if (service === undefined) throw new UsageError(`services ${action} needs a service GUID or a port`);
      if (others.length > 0) {
        throw new UsageError(`services ${action} takes one service, not also ${JSON.stringify(others[0])}`);
      }
      const serviceId = readServiceId(service);
      return action === 'register' ? { action, json, serviceId, name } : { action, json, serviceId };
    }
    case undefined:
      throw new UsageError('services needs one of list, register, unregister');
    default:
      throw new UsageError(`there is no command services ${action}: list, register or unregister`);
  }
}
