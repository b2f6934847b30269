// The operating system, the emulator's environment, and the addon.
import { type Finding, finding } from './finding.ts';
import type { System } from './system.ts';

const names: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'macOS, Darwin', win32: 'Windows' };

export function examineRuntime(system: System): Finding[] {
  const { platform, release, arch, version, environment, probes } = system;
  const name = names[platform];
  const directory = environment['HVSOCK_EMULATOR'];
  return [
    name === undefined
      ? finding('system.unknown', { platform })
      : finding('system.known', { platform: name, release, arch, version }),
    ...(directory ? [finding('system.emulated', { directory })] : []),
    probes instanceof Error
      ? finding('addon.missing', { target: `${platform}-${arch}`, problem: reasonOf(probes) })
      : finding('addon.loaded'),
  ];
}

/** The lines of the loader's message that tell what it tried. */
function reasonOf({ message }: Error): string {
  const tried = message.split('\n').filter((line) => line.startsWith('  '));
  return tried.map((line) => line.trim()).join('; ');
}
