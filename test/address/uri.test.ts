import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '#src/address/uri.js';
import { HvsockError } from '#src/errors.js';
import { address, addressLikeText } from './arbitraries.js';
import { assertNoAddress, assertNoArgument } from './errors.js';

const loopback = 'e0e16197-dd56-4a10-9195-5ee7a155a838';
const service = '00000400-facb-11e6-bd58-64006a7986d3';
const schemes = 'vsock://, hvsock://, firecracker://, cloud-hypervisor://, vsock-mux://, hyperkit://, unix://';

test('text that is read, and what it is written as', () => {
  const cases = {
    'vsock://3:1024': 'vsock://3:1024',
    'vsock://:1024': 'vsock://:1024',
    'vsock:3:1024': 'vsock://3:1024',
    'vsock::1024': 'vsock://:1024',
    'VSOCK://3:1024': 'vsock://3:1024',
    'vsock://any:1024': 'vsock://:1024',
    'vsock://hypervisor:1024': 'vsock://0:1024',
    'vsock://local:1024': 'vsock://1:1024',
    'vsock://Host:0': 'vsock://2:0',
    'vsock://4294967295:4294967295': 'vsock://:4294967295',
    'vsock://4294967294:1': 'vsock://4294967294:1',
    'vsock://:0xffffffff': 'vsock://:4294967295',
    'vsock://0xFFFFFFFF:0X400': 'vsock://:1024',
    'vsock://:any': 'vsock://:4294967295',
    [`hvsock://parent/${service}`]: `hvsock://parent/${service}`,
    [`HVSOCK://{${loopback.toUpperCase()}}/{${service.toUpperCase()}}`]: `hvsock://loopback/${service}`,
    [`hvsock://${service}/${loopback}`]: `hvsock://${service}/${loopback}`,
    'hvsock://Silohost/1024': `hvsock://silohost/${service}`,
    'hvsock://children/0x400': `hvsock://children/${service}`,
    'hvsock:///1024': `hvsock://wildcard/${service}`,
    'hvsock://broadcast/2147483647': 'hvsock://broadcast/7fffffff-facb-11e6-bd58-64006a7986d3',
    'firecracker://:52/run/vm.sock': 'firecracker://:52/run/vm.sock',
    'cloud-hypervisor://:52/run/vm.sock': 'firecracker://:52/run/vm.sock',
    'vsock-mux://:0x34/run/vm.sock': 'firecracker://:52/run/vm.sock',
    'Firecracker://:52/Run//VM.sock/': 'firecracker://:52/Run//VM.sock/',
    'hyperkit://:80/run/vm': 'hyperkit://:80/run/vm',
    'unix:///run/vm.sock': 'unix:///run/vm.sock',
    'unix:///a b?c#d%20e%2F:f\né': 'unix:///a b?c#d%20e%2F:f\né',
    'firecracker://:1/:2/x:3': 'firecracker://:1/:2/x:3',
  };
  for (const [text, written] of Object.entries(cases)) assert.equal(`${parseAddress(text)}`, written, text);
});

test('a path is literal', () => {
  const address = parseAddress('unix:///a%20b?c#d');
  assert.equal(address.family === 'hybrid' && address.path, '/a%20b?c#d');
});

test('text that is no address, and the sentence that says why', () => {
  const form = 'a GUID has 32 hexadecimal digits, grouped 8-4-4-4-12';
  const number = 'is no number; write it in decimal without leading zeros, or as 0x and hex';
  const cases = {
    'vsock://3:99999999999': 'port out of range 0 to 4294967295',
    'vsock://3:4294967296': 'port out of range 0 to 4294967295',
    'vsock://4294967296:80': 'CID out of range 0 to 4294967295',
    'vsock://:0x100000000': 'port out of range 0 to 4294967295',
    [`vsock://3:${'9'.repeat(400)}`]: 'port out of range 0 to 4294967295',
    'vsock://-1:80': 'the CID -1 is negative; it must be from 0 to 4294967295',
    'vsock://3:-80': 'the port -80 is negative; it must be from 0 to 4294967295',
    'vsock://3': 'the port is missing; write vsock://CID:PORT',
    'vsock://3:': 'the port is missing; write vsock://CID:PORT',
    'vsock://': 'the port is missing; write vsock://CID:PORT',
    'vsock:': 'the port is missing; write vsock://CID:PORT',
    'vsock://3:80/x': 'nothing may follow the port, and "/x" does',
    'vsock://3:80/': 'nothing may follow the port, and "/" does',
    'vsock://3:80:90': 'nothing may follow the port, and ":90" does',
    'vsock://3:80?x': 'nothing may follow the port, and "?x" does',
    'vsock://3:80 ': `the port "80 " ${number}`,
    'vsock://3:80\n': `the port "80\\n" ${number}`,
    'vsock://3:080': `the port "080" ${number}`,
    'vsock://3:+80': `the port "+80" ${number}`,
    'vsock://3:1e3': `the port "1e3" ${number}`,
    'vsock://3:0x': `the port "0x" ${number}`,
    'vsock://3:\u0663': `the port "\u0663" ${number}`,
    'vsock://guest:80': `the CID "guest" ${number}`,
    'vsock://[3]:80': `the CID "[3]" ${number}`,
    'hvsock://parent': 'the service is missing; write hvsock://VM/SERVICE',
    'hvsock://parent/': 'the service is missing; write hvsock://VM/SERVICE',
    'hvsock://parent/80/x': 'nothing may follow the service, and "/x" does',
    'hvsock://parent/80?x': 'nothing may follow the service, and "?x" does',
    'hvsock://parent/2147483648': 'port out of range 0 to 2147483647',
    'hvsock://parent/-1': 'the port -1 is negative; it must be from 0 to 2147483647',
    'hvsock://parent/080': `the port "080" ${number}`,
    [`hvsock://parent/${service}0`]: `the service must be a GUID or a port: ${form}; this one has 33`,
    'hvsock://parent/ssh': `the service must be a GUID or a port: ${form}; "ssh" is none`,
    [`hvsock://${loopback.slice(1)}/80`]: `${form}; this one has 31`,
    [`hvsock://${loopback.replaceAll('-', '')}/80`]: `${form}; this one is grouped differently`,
    'hvsock://my-vm/80':
      '"my-vm" is neither a GUID nor one of wildcard, children, loopback, parent, silohost, broadcast; ' +
      `"hvsock vms" shows each machine's GUID`,
    'hvsock:parent/80': 'two slashes are missing; write hvsock://',
    'unix:/run/vm.sock': 'two slashes are missing; write unix://',
    'firecracker:///run/vm.sock': 'the port is missing; write firecracker://:PORT/PATH',
    'vsock-mux://:/run/vm.sock': 'the port is missing; write vsock-mux://:PORT/PATH',
    'firecracker://:52': 'the path is missing; write firecracker://:PORT/PATH',
    'firecracker://3:52/x': 'an absolute path names the machine, not "3"; write firecracker://:PORT/PATH',
    'firecracker://:any/x': `the port "any" ${number}`,
    'hyperkit://:4294967296/x': 'port out of range 0 to 4294967295',
    'unix://run/vm.sock': 'an absolute path names the machine, not "run"; write unix:///PATH',
    'unix://:80/run/vm.sock': 'a unix address has no port; write unix:///PATH',
    'unix://': 'the path is missing; write unix:///PATH',
    'unix:///a\0': 'a path cannot hold a NUL character',
    'unix:///\udc00': 'the path holds half a surrogate pair, which no file name can',
    'vscok://3:80': 'unknown scheme "vscok"; did you mean vsock://?',
    'VSOK://3:80': 'unknown scheme "vsok"; did you mean vsock://?',
    'hvsocket://parent/80': 'unknown scheme "hvsocket"; did you mean hvsock://?',
    'hyperv://parent/80': 'unknown scheme "hyperv"; did you mean hvsock://?',
    'firecraker://:1/x': 'unknown scheme "firecraker"; did you mean firecracker://?',
    'https://example.org/': `unknown scheme "https"; use one of ${schemes}`,
    'constructor://x': `unknown scheme "constructor"; use one of ${schemes}`,
    '': 'it is empty',
    '3:1024': 'the scheme is missing; did you mean vsock://3:1024?',
    '/run/vm.sock': 'the scheme is missing; did you mean unix:///run/vm.sock?',
    ' vsock://3:80': `the scheme is missing; it begins with one of ${schemes}`,
    'vsoc\u212a://3:80': `the scheme is missing; it begins with one of ${schemes}`,
  };
  for (const [text, problem] of Object.entries(cases)) assertNoAddress(() => parseAddress(text), text, problem);
});

test('the limit on paths can be that of another platform', () => {
  const text = `unix:///${'x'.repeat(106)}`;
  assert.equal(`${parseAddress(text, { platform: 'linux' })}`, text);
  assertNoAddress(
    () => parseAddress(text, { platform: 'darwin' }),
    text,
    "the path is 107 bytes long, and a unix socket's name has at most 103",
  );
  const alias = `vsock-mux://:52/${'x'.repeat(104)}`;
  assertNoAddress(
    () => parseAddress(alias, { platform: 'linux' }),
    alias,
    `the path, with the "_52" that its dialect adds, is 108 bytes long, and a unix socket's name has at most 107`,
  );
});

test('what is no string is an argument, not an address', () => {
  assertNoArgument(() => parseAddress(1024 as never), 'address must be a string, not 1024');
  assertNoArgument(() => parseAddress(undefined as never), 'address must be a string, not undefined');
});

test('value to text to value to text is the identity', () => {
  fc.assert(
    fc.property(address, (address) => {
      const again = parseAddress(address.toString());
      assert.deepEqual(again, address);
      assert.ok(again.equals(address));
      assert.equal(again.toString(), address.toString());
    }),
    { numRuns: 1000 },
  );
});

test('any text gives an address, which formatting gives back, or the one error', () => {
  let addresses = 0;
  fc.assert(
    fc.property(fc.oneof({ arbitrary: addressLikeText, weight: 9 }, address.map(String)), (text) => {
      try {
        const address = parseAddress(text);
        assert.deepEqual(parseAddress(address.toString()), address);
        addresses++;
      } catch (error) {
        assert.ok(error instanceof HvsockError, `${error}`);
        assert.equal(error.code, 'ERR_HVSOCK_INVALID_ADDRESS');
        assert.equal(error.address, text);
        assert.ok(error.message.startsWith(`${JSON.stringify(text)} is no address: `));
      }
    }),
    { numRuns: 5000 },
  );
  assert.ok(addresses > 100, `only ${addresses} of the texts were addresses`);
});

test('long text is refused in time that grows with its length', () => {
  const million = 'a'.repeat(1_000_000);
  for (const text of [million, `${million}://3:80`, `vsock://${million}`, `hvsock://${million}/${million}`]) {
    assert.throws(() => parseAddress(text), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
  }
});
