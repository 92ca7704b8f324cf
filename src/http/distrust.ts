/** What to do about the certificate of `host`, `host[:port]`, that is not trusted; `code` is Node's for why. */
export function distrustAdvice(code: string, host: string): string {
  if (/EXPIRED|NOT_YET/.test(code)) return "Have the certificate renewed, or set this machine's clock right";
  if (/ALTNAME_INVALID|HOSTNAME_MISMATCH/.test(code)) return "Use a name of the registry that its certificate has";
  if (/^INVALID_(?:CA|PURPOSE)$/.test(code)) return `Have a certificate for servers issued to "${host}"`;
  // Also where the authority was named, and the server leaves out how its certificate leads there.
  if (code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    return `If you trust "${host}", name its authority with --ca-file FILE, have it send the certificates in between, or add --insecure ${host}`;
  return `If you trust "${host}", name its authority with --ca-file FILE, or add --insecure ${host}`;
}
