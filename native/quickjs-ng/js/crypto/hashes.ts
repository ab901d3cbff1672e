import type { Algorithm } from "./Algorithm.ts"
import { type HashName, lib } from "./native.ts"

const hash = (name: HashName): Algorithm => ({ name, digest: (data) => lib().digest(name, data) })

export const HASHES = [hash("SHA-1"), hash("SHA-256"), hash("SHA-384"), hash("SHA-512")]

/** Bytes that a hash function works on at once, and that it gives. */
export const blockBytes = (name: HashName): number => (name === "SHA-384" || name === "SHA-512" ? 128 : 64)
export const hashBytes = (name: HashName): number =>
  ({ "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 })[name]
