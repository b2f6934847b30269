// Writes of a bounded size: what is written goes to the system in messages of at most so many bytes, one after the other.

/** As `_writev` of a stream takes it. */
interface Piece {
  readonly chunk: Buffer;
  readonly encoding: BufferEncoding;
}

/** `chunks` cut, and put together, into messages of `size` bytes; the last may have less. */
export function* messagesOf(chunks: Iterable<Buffer>, size: number): Generator<Piece[]> {
  let pieces: Piece[] = [];
  let room = size;
  for (const bytes of chunks) {
    for (let at = 0; at < bytes.length; ) {
      const chunk = bytes.subarray(at, at + room);
      // What a stream says of a chunk that is none of text.
      pieces.push({ chunk, encoding: 'buffer' as BufferEncoding });
      at += chunk.length;
      room -= chunk.length;
      if (room > 0) continue;
      yield pieces;
      pieces = [];
      room = size;
    }
  }
  if (pieces.length > 0) yield pieces;
}

/** `pieces` in batches of at most so many. */
export function* batchesOf<P>(pieces: readonly P[], most: number): Generator<P[]> {
  for (let at = 0; at < pieces.length; at += most) yield pieces.slice(at, at + most);
}

type OnTaken = (error?: Error | null) => void;

/** Has `write` take each message when it has taken the one before. `onTaken` follows once, with the first error. */
export function writeInTurn<P>(
  messages: Iterator<P[]>,
  write: (pieces: P[], onTaken: OnTaken) => void,
  onTaken: OnTaken,
): void {
  // In a loop where they are taken at once, or thousands of them would stand on the stack.
  for (;;) {
    const { value: pieces, done } = messages.next();
    if (done) {
      onTaken();
      return;
    }
    let isWaiting = false;
    let isTaken = false;
    write(pieces, (error) => {
      if (error) onTaken(error);
      else if (isWaiting) writeInTurn(messages, write, onTaken);
      else isTaken = true;
    });
    if (!isTaken) {
      isWaiting = true;
      return;
    }
  }
}
