/** Waits for every one, also after a failure. @throws the first failure in their order */
export async function joinAll(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === "rejected") throw result.reason;
}
