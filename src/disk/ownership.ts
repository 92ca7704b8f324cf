const writableByOthers = 0o022;

/** Who beside `user` has a say in what lies at a place with these facts: its owner, or others who may write to it. */
export function strangerTo(
  user: number,
  { uid, mode }: { readonly uid: number; readonly mode: number },
): "owner" | "writers" | undefined {
  if (uid !== user) return "owner";
  return (mode & writableByOthers) === 0 ? undefined : "writers";
}
