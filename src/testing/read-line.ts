// The first line of a connection, and not a byte of what follows.
import type net from 'node:net';

/** Calls back with the line and its newline; with undefined where it is longer than `most` bytes, or the end comes first. */
export function readLine(socket: net.Socket, most: number, known: (line: string | undefined) => void): void {
  let line = '';
  const settle = (result: string | undefined) => {
    socket.off('readable', socketOnReadable).off('end', socketOnEnd).off('close', socketOnEnd);
    known(result);
  };
  const socketOnReadable = () => {
    for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1)) {
      line += byte.toString('latin1');
      if (line.endsWith('\n') || line.length > most) {
        settle(line.length > most ? undefined : line);
        return;
      }
    }
  };
  const socketOnEnd = () => settle(undefined);
  socket.on('readable', socketOnReadable).on('end', socketOnEnd).on('close', socketOnEnd);
}
