/** A field of a protobuf message: what it is called, and what it holds. */
export interface Field {
  readonly name: string;
  readonly as: "text" | "hex" | "int" | "fixed64" | "double" | "bool" | Message;
  readonly repeated?: true;
}
/** A message's fields by their numbers. */
export type Message = () => Readonly<Record<number, Field>>;

/** Reads a message as plain data; fields that are not described are passed over. For tests. */
export function decode(bytes: Uint8Array, message: Message): Record<string, unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = message();
  const found: Record<string, unknown> = {};
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const raw = (wire: number): bigint | number | Uint8Array => {
    if (wire === 0) return varint();
    if (wire === 1) {
      at += 8;
      return at - 8;
    }
    if (wire === 5) {
      at += 4;
      return at - 4;
    }
    if (wire !== 2) throw new Error(`wire type ${wire}`);
    const length = Number(varint());
    at += length;
    return bytes.subarray(at - length, at);
  };
  const valueOf = (as: Field["as"], value: ReturnType<typeof raw>): unknown => {
    if (typeof as === "function") return decode(value as Uint8Array, as);
    if (as === "text") return Buffer.from(value as Uint8Array).toString();
    if (as === "hex") return Buffer.from(value as Uint8Array).toString("hex");
    if (as === "fixed64") return view.getBigUint64(value as number, true).toString();
    if (as === "double") return view.getFloat64(value as number, true);
    return as === "bool" ? value !== 0n : Number(BigInt.asIntN(64, value as bigint));
  };
  while (at < bytes.byteLength) {
    const key = Number(varint());
    const value = raw(key & 7);
    const field = fields[key >> 3];
    if (!field) continue;
    const read = valueOf(field.as, value);
    if (field.repeated) found[field.name] = found[field.name] ?? [];
    if (field.repeated) (found[field.name] as unknown[]).push(read);
    else found[field.name] = read;
  }
  return found;
}
