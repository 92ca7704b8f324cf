// The public names of `waybill/registry`: one registry's client over any `Send`.
export { Secret, type HttpRequest, type HttpResponse, type Interceptor, type Send } from "../http/send.ts";
export type { RegistryOptions } from "./access.ts";
export { openRegistry, type Registry, type Repository, type UploadHandle } from "./registry.ts";
export { authorize, type AuthorizeOptions } from "./auth/authorize.ts";
export { samePrincipal, type Credential, type CredentialSource } from "./credentials/credential.ts";
export { endpoints, type EndpointOptions, type Endpoints } from "./endpoint.ts";
export { mirrored, type MirrorOptions } from "./mirrors.ts";
