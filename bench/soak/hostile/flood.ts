import type { Socket } from 'node:net';

/** Writes the same bytes again and again, as fast as the peer reads them, until the connection ends. */
export function flood(socket: Socket, bytes: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}
