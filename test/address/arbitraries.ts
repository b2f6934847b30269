// Random addresses of each family, and random values that look like addresses and mostly are none.

import fc from 'fast-check';
import { type Dialect, HybridAddress } from '#src/address/hybrid.js';
import { HypervAddress, vmIdOfName } from '#src/address/hyperv.js';
import { VsockAddress } from '#src/address/vsock.js';

const edges = fc.constantFrom(0, 1, 2, 3, 1023, 1024, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff);

export const uint32: fc.Arbitrary<number> = fc.oneof(edges, fc.nat({ max: 0xffff_ffff }));

export const guid: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
  .map((hex) => [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'));

export const vsock: fc.Arbitrary<VsockAddress> = fc
  .record({ cid: uint32, port: uint32 })
  .map((fields) => new VsockAddress(fields));

export const hyperv: fc.Arbitrary<HypervAddress> = fc
  .record({
    vmId: fc.oneof(guid, fc.constantFrom(...vmIdOfName.values())),
    serviceId: fc.oneof(guid, fc.nat({ max: 0x7fff_ffff })),
  })
  .map((fields) => new HypervAddress(fields));

/** Paths of any characters, the grammar's own among them; 19 of up to 4 bytes leave room for every derived name. */
const path = fc
  .string({
    unit: fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.constantFrom('/', ':', '?', '#', '%', '%20', ' ', '_', '\n', '//'),
    ),
    maxLength: 19,
  })
  .filter((text) => !text.includes('\0'))
  .map((text) => `/${text}`);

const dialect = fc.constantFrom<Dialect>('firecracker', 'hyperkit', 'unix');

export const hybrid: fc.Arbitrary<HybridAddress> = fc
  .record({ dialect, path, port: uint32 })
  .map(
    ({ dialect, path, port }) => new HybridAddress(dialect === 'unix' ? { dialect, path } : { dialect, path, port }),
  );

export const address: fc.Arbitrary<VsockAddress | HypervAddress | HybridAddress> = fc.oneof(vsock, hyperv, hybrid);

/** Pieces of the grammar in any order, and any text at all: most of it wrong in one place. */
export const addressLikeText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom('vsock', 'hvsock', 'firecracker', 'hyperkit', 'unix', 'VSOCK', 'vscok', '://', ':', '/', '//'),
        fc.constantFrom('any', 'host', 'parent', '-', '{', '}', '0x', '?', '#', '\0', '\ud800', ' ', '9'.repeat(400)),
        fc.nat().map(String),
        guid,
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join('')),
);
