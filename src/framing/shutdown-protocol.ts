// The framed shutdown of ocaml-hvsock (lwt/flow_shutdown.ml) and of early virtsock: bytes in, bytes out, no I/O. Each
// frame begins with a little-endian u32: one of three words, or the length of the data that follow.
import { HvsockError } from '../errors.ts';

/** The most data in a frame, in bytes. */
export const LONGEST_DATA = 4096;
const HEADER_LENGTH = 4;

const words = {
  /** The sender reads no more. */
  'shutdown-read': 0xdead_beef,
  /** The sender writes no more. */
  'shutdown-write': 0xbeef_dead,
  /** The sender has done with the connection. */
  close: 0xdead_dead,
} as const;

export type ControlFrame = keyof typeof words;

const frameOfWord: ReadonlyMap<number, ControlFrame> = new Map(
  (Object.keys(words) as ControlFrame[]).map((name) => [words[name], name]),
);

function header(word: number): Buffer {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  bytes.writeUInt32LE(word);
  return bytes;
}

export function encodeControl(frame: ControlFrame): Buffer {
  return header(words[frame]);
}

/** The pieces of as many frames as it takes, in order; the data are not copied. */
export function* encodeData(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += LONGEST_DATA) {
    const part = data.subarray(at, at + LONGEST_DATA);
    yield header(part.length);
    yield part;
  }
}

/** Reads frames, however they are cut. Keeps no more than a header. */
export class FrameParser {
  #header = Buffer.alloc(HEADER_LENGTH);
  #headerLength = 0;
  #dataLeft = 0;

  /**
   * The frames in these bytes. Data come as they are there, which may be parts of a frame.
   * @throws ERR_HVSOCK_PROTOCOL for a word that is neither a frame nor a length up to 4096
   */
  *parse(bytes: Uint8Array): Generator<ControlFrame | Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#dataLeft > 0) {
        const data = bytes.subarray(at, at + this.#dataLeft);
        at += data.length;
        this.#dataLeft -= data.length;
        yield data;
        continue;
      }
      this.#header[this.#headerLength++] = bytes[at++] as number;
      if (this.#headerLength < HEADER_LENGTH) continue;
      this.#headerLength = 0;
      const word = this.#header.readUInt32LE();
      const frame = frameOfWord.get(word);
      if (frame !== undefined) yield frame;
      else if (word <= LONGEST_DATA) this.#dataLeft = word;
      else
        throw protocolError(`0x${word.toString(16).padStart(8, '0')} begins no frame; is the other side framed, too?`);
    }
  }

  /**
   * The bytes have ended.
   * @throws ERR_HVSOCK_PROTOCOL in the middle of a frame
   */
  end(): void {
    if (this.#dataLeft > 0)
      throw protocolError(`the connection ended ${this.#dataLeft} bytes before the end of a frame`);
    if (this.#headerLength > 0) throw protocolError('the connection ended in the header of a frame');
  }
}

function protocolError(problem: string): HvsockError {
  return new HvsockError(`framed connection: ${problem}`, { code: 'ERR_HVSOCK_PROTOCOL', kind: 'protocol' });
}
