import { readFileSync } from "node:fs";
import { connect } from "node:net";

/**
 * Watches the socket that docker holds open for its plugins: it closes when docker is told to stop, which is all a plugin
 * hears of it where there is no terminal. `address` is a path, or an abstract socket written `@name`. Never keeps the
 * process alive; a socket that is not there is not watched.
 *
 * @returns what ends the watch.
 */
export function watchDocker(address: string, onClose: () => void): () => void {
  // Looked at before anything else: docker may be gone by the time that connecting has failed.
  const wasListed = address.startsWith("@") && isListed(address);
  let connected = false;
  let stopLooking = () => {};
  const socket = connect({ path: address.startsWith("@") ? `\0${address.slice(1)}` : address });
  socket.unref();
  socket.on("connect", () => (connected = true));
  socket.on("error", () => (stopLooking = wasListed ? watchListed(address, onClose) : stopLooking));
  socket.on("end", () => socket.destroy());
  socket.on("close", () => connected && onClose());
  socket.resume();
  return () => {
    connected = false;
    stopLooking();
    socket.destroy();
  };
}

const lookEveryMs = 250;

/**
 * Node 20 fills abstract names up with zeros (libuv 1.46), so that it cannot reach a socket that others have named. Linux
 * lists them all: docker takes its own from the list at the moment when it would close our connection.
 */
function watchListed(name: string, onGone: () => void): () => void {
  const timer = setInterval(() => {
    if (isListed(name)) return;
    clearInterval(timer);
    onGone();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function isListed(name: string): boolean {
  try {
    return readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .some((line) => line.endsWith(` ${name}`));
  } catch {
    return false;
  }
}
