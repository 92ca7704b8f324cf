import { digestOf } from "../spec/digest.ts";
import type { CallOptions } from "../content/store.ts";
import type { Access } from "./access.ts";
import { openUpload } from "./upload-open.ts";
import { askStatus, cancelSession, sendPiece } from "./upload-requests.ts";
import type { UploadPlace } from "./upload-location.ts";

/** How an upload fared that was never meant to be finished. */
export interface UploadProbe {
  readonly sentBytes: number;
  /** What the registry says it holds; absent where it does not say. */
  readonly heldBytes?: number;
  /** False where the registry does not let us take it back. */
  readonly isCancelled: boolean;
}

const piece = Buffer.alloc(1024, "waybill doctor\n");

/**
 * Opens an upload, sends 1 KiB, asks how much is held, and cancels it, also when something of that fails. Commits nothing.
 *
 * @throws WaybillError as opening an upload does, and what the registry refused the bytes with.
 * Spec: distribution-spec v1.1.1, "Pushing a blob in chunks", "Cancelling".
 */
export async function probeUpload(access: Access, { signal }: CallOptions = {}): Promise<UploadProbe> {
  const blob = { mediaType: "application/octet-stream", digest: digestOf(piece), size: piece.byteLength };
  const call = { signal };
  const opening = await openUpload(access, blob, { distrustPresence: true, ...call });
  if (opening.is === "present") return { sentBytes: 0, isCancelled: true };
  let place: UploadPlace = opening.place;
  let isCancelled = false;
  const cancel = async (): Promise<void> => void (isCancelled = await cancelSession({ access, place }));
  let heldBytes: number | undefined;
  {
    await using _ = { [Symbol.asyncDispose]: cancel };
    const sent = await sendPiece(
      { access, blob, place, ...call },
      { offset: 0, length: piece.byteLength, closing: false, body: piece },
    );
    place = sent.place;
    if ("error" in sent.answer) throw sent.answer.error;
    const status = await askStatus({ access, place, ...call });
    place = status.place;
    if (status.answer.type === "held") heldBytes = status.answer.bytes;
  }
  return { sentBytes: piece.byteLength, ...(heldBytes !== undefined && { heldBytes }), isCancelled };
}
