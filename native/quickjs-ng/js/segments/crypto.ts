export { Crypto, crypto } from "../crypto/Crypto.ts"
export { copyKey, CryptoKey } from "../crypto/CryptoKey.ts"
export { SubtleCrypto } from "../crypto/SubtleCrypto.ts"
