// How addresses look in console.log and in assertion messages: their class and their text.
import { inspect } from 'node:util';

/**
 * Makes `util.inspect` show an instance of `type` as `VsockAddress vsock://3:1024`. Not a method `[inspect.custom]` of
 * the class, since isolated declarations cannot express a computed name.
 */
export function inspectAsText(type: { readonly name: string; readonly prototype: object }): void {
  Object.defineProperty(type.prototype, inspect.custom, {
    value(this: object): string {
      return `${type.name} ${this}`;
    },
  });
}
