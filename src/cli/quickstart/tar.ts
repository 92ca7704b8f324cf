/** A regular file in an archive. */
export interface TarFile {
  /** Relative, with slashes. At most 100 bytes, or 255 where a slash can part it. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

const blockBytes = 512;

/**
 * An archive of `files` in the given order, owned by root and dated 1970: the same files give the same bytes everywhere.
 *
 * @throws RangeError for a path that the format cannot hold. Format: POSIX.1-1988 "ustar".
 */
export function tarOf(files: readonly TarFile[]): Uint8Array {
  const parts = files.flatMap((file) => [headerOf(file), file.content, padding(file.content.byteLength)]);
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

function headerOf(file: TarFile): Uint8Array {
  const header = Buffer.alloc(blockBytes);
  const [prefix, name] = nameOf(file.path);
  header.write(name, 0);
  header.write(octal(file.executable ? 0o755 : 0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(file.content.byteLength, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  header.write(prefix, 345);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

function padding(sizeBytes: number): Uint8Array {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

function nameOf(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const prefix = path.slice(0, slash);
    const name = path.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw new RangeError(`Cannot archive "${path}": the name is too long`);
}
