/** The C side's module; see native.ts. Only the core imports it. */
declare module "bunbase:native" {
  const native: import("./native.ts").Native
  export default native
}
