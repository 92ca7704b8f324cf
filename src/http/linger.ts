import type { Socket } from "node:net";

/** Turns of the event loop in which what has already arrived is read: one poll for the answer, one for its body. */
const turns = 3;

/**
 * Lets a socket read what has already arrived before a failed write destroys it.
 *
 * A server that refuses an upload early answers, then closes with our bytes unread; our next write fails with EPIPE while its
 * answer waits in the kernel. Node destroys the socket at once, and the answer with it (nodejs/node#54366).
 */
export function lingerOnWriteErrors(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  let lingering = false;
  socket.destroy = (error?: Error) => {
    if (!isWriteError(error) || lingering) return destroy(error);
    lingering = true;
    afterTurns(turns, () => destroy(error));
    return socket;
  };
}

function isWriteError(error: Error | undefined): boolean {
  return error !== undefined && "syscall" in error && (error.syscall === "write" || error.syscall === "writev");
}

function afterTurns(left: number, then: () => void): void {
  if (left === 0) return then();
  setImmediate(() => afterTurns(left - 1, then));
}
