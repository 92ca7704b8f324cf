/** The command that keeps a credential for `host`, with all that it needs where nobody can be asked. */
export function loginWords(host: string): string {
  return `waybill login ${host} -u USER --password-stdin`;
}
