import { joinBytes } from "../webidl/bytes.ts"
import { domString } from "../webidl/convert.ts"
import type { Algorithm, Format, JsonWebKey, KeyData, KeyPair, Params } from "./Algorithm.ts"
import { toBase64url } from "./base64url.ts"
import { required } from "./convert.ts"
import { type CryptoKey, isCryptoKey, keyState, type KeyState, makeKey, type Usage } from "./CryptoKey.ts"
import { context, DerReader, element, readPkcs8, readSpki, TAG, writePkcs8, writeSpki } from "./der.ts"
import { dataError, invalidAccess, notSupported, operationError } from "./failure.ts"
import { checkJwk, jwkBytes } from "./jwk.ts"
import { hashMember } from "./normalize.ts"
import { type CurveName, type HashName, type KeyBytes, lib } from "./native.ts"
import { checkUsages } from "./secretKey.ts"

/** id-ecPublicKey, 1.2.840.10045.2.1 */
const EC_OID = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)
const CURVES: Readonly<Record<CurveName, { readonly oid: Uint8Array; readonly bytes: number }>> = {
  "P-256": { oid: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07), bytes: 32 },
  "P-384": { oid: Uint8Array.of(0x2b, 0x81, 0x04, 0x00, 0x22), bytes: 48 },
  "P-521": { oid: Uint8Array.of(0x2b, 0x81, 0x04, 0x00, 0x23), bytes: 66 }
}

const identifier = (curve: CurveName): Uint8Array => {
  const parts = [element(TAG.oid, EC_OID), element(TAG.oid, CURVES[curve].oid)] as const
  return joinBytes(parts, parts[0].length + parts[1].length)
}

const curveParams = (given: Readonly<Record<string, unknown>>): object => ({
  namedCurve: domString(required(given, "namedCurve", "an elliptic curve algorithm"))
})

const curveOf = (params: Params): CurveName => {
  const name = params["namedCurve"] as string
  if (!Object.hasOwn(CURVES, name)) throw notSupported(`there is no curve ${name} here`)
  return name as CurveName
}
const keyCurve = (key: KeyState): CurveName => key.algorithm["namedCurve"] as CurveName

/** Usages of the private and of the public key. */
interface Roles {
  readonly private: ReadonlyArray<Usage>
  readonly public: ReadonlyArray<Usage>
}

const generate =
  (name: string, roles: Roles) =>
  (params: Params, extractable: boolean, usages: ReadonlyArray<Usage>): KeyPair => {
    checkUsages(usages, [...roles.private, ...roles.public], false)
    const curve = curveOf(params)
    const privateUsages = usages.filter((usage) => roles.private.includes(usage))
    checkUsages(privateUsages, roles.private, true)
    const bytes = lib().ecGenerate(curve)
    return {
      privateKey: keyOf(name, curve, bytes, true, extractable, privateUsages),
      publicKey: keyOf(
        name,
        curve,
        bytes,
        false,
        true,
        usages.filter((usage) => roles.public.includes(usage))
      )
    }
  }

const keyOf = (
  name: string,
  namedCurve: CurveName,
  bytes: KeyBytes,
  isPrivate: boolean,
  extractable: boolean,
  usages: ReadonlyArray<Usage>
): CryptoKey => {
  const algorithm = { name, namedCurve }
  if (!isPrivate)
    return makeKey({ type: "public", extractable, algorithm, usages, material: bytes.publicKey })
  return makeKey({
    type: "private",
    extractable,
    algorithm,
    usages,
    material: bytes.privateKey as Uint8Array,
    publicMaterial: bytes.publicKey
  })
}

/** ECPrivateKey (RFC 5915): the scalar and, where it is there, the public point. */
const readEcPrivateKey = (bytes: Uint8Array, curve: CurveName): readonly [Uint8Array, Uint8Array | null] => {
  const outer = new DerReader(bytes)
  const fields = new DerReader(outer.read(TAG.sequence))
  outer.end()
  const version = fields.read(TAG.integer)
  if (version.length !== 1 || version[0] !== 1) throw dataError("the private key has an unknown version")
  const scalar = fields.read(TAG.octetString).slice()
  let point: Uint8Array | null = null
  if (fields.next === context(0)) {
    const named = new DerReader(fields.read(context(0))).read(TAG.oid)
    const { oid } = CURVES[curve]
    if (named.length !== oid.length || !named.every((byte, at) => byte === oid[at])) {
      throw dataError("the private key is of another curve")
    }
  }
  if (fields.next === context(1)) point = new DerReader(fields.read(context(1))).read(TAG.bitString).slice(1)
  fields.end()
  return [scalar, point]
}

const checkedKey = (curve: CurveName, scalar: Uint8Array | null, point: Uint8Array | null): KeyBytes => {
  const whole = lib().ecKey(curve, scalar, point)
  if (whole === null) throw dataError(`this is no valid key of the curve ${curve}`)
  return whole
}

const importJwk = (
  curve: CurveName,
  jwk: JsonWebKey,
  signs: boolean,
  extractable: boolean,
  usages: ReadonlyArray<Usage>
): KeyBytes => {
  checkJwk(jwk, "EC", signs ? "sig" : "enc", extractable, usages)
  if (jwk["crv"] !== curve) throw dataError(`the JSON Web Key's crv is not "${curve}"`)
  const { bytes } = CURVES[curve]
  const wanted = `ES${curve.slice(2) === "521" ? "512" : curve.slice(2)}`
  if (signs && jwk["alg"] !== undefined && jwk["alg"] !== wanted) {
    throw dataError(`the JSON Web Key's alg is not "${wanted}"`)
  }
  const [x, y] = [jwkBytes(jwk, "x"), jwkBytes(jwk, "y")]
  if (x.length !== bytes || y.length !== bytes) throw dataError("the coordinates have the wrong length")
  const d = jwk["d"] === undefined ? null : jwkBytes(jwk, "d")
  if (d !== null && d.length !== bytes) throw dataError("the private key has the wrong length")
  return checkedKey(curve, d, joinBytes([Uint8Array.of(4), x, y], 1 + 2 * bytes))
}

const importEc =
  (name: string, roles: Roles, signs: boolean) =>
  (
    format: Format,
    data: KeyData,
    params: Params,
    extractable: boolean,
    usages: ReadonlyArray<Usage>
  ): CryptoKey => {
    const isPrivate = format === "pkcs8" || (format === "jwk" && (data as JsonWebKey)["d"] !== undefined)
    checkUsages(usages, isPrivate ? roles.private : roles.public, isPrivate)
    const curve = curveOf(params)
    const point = (bytes: Uint8Array): KeyBytes => checkedKey(curve, null, bytes)
    let bytes: KeyBytes
    if (format === "raw") bytes = point(data as Uint8Array)
    else if (format === "spki") bytes = point(readSpki(data as Uint8Array, identifier(curve)))
    else if (format === "jwk") bytes = importJwk(curve, data as JsonWebKey, signs, extractable, usages)
    else {
      const [scalar, given] = readEcPrivateKey(readPkcs8(data as Uint8Array, identifier(curve)), curve)
      bytes = checkedKey(curve, scalar, given)
    }
    return keyOf(name, curve, bytes, isPrivate, extractable, usages)
  }

const exportEc = (format: Format, key: KeyState): KeyData => {
  const curve = keyCurve(key)
  const { bytes } = CURVES[curve]
  const point = key.publicMaterial ?? key.material
  if (format === "jwk") {
    const jwk: Record<string, unknown> = {
      kty: "EC",
      crv: curve,
      x: toBase64url(point.subarray(1, 1 + bytes)),
      y: toBase64url(point.subarray(1 + bytes)),
      key_ops: [...key.usages],
      ext: key.extractable
    }
    if (key.type === "private") jwk["d"] = toBase64url(key.material)
    return jwk
  }
  if ((format === "pkcs8") !== (key.type === "private")) {
    throw invalidAccess(`a ${key.type} key has no format ${format}`)
  }
  if (format === "raw") return point.slice()
  if (format === "spki") return writeSpki(identifier(curve), point)
  const inner = element(
    TAG.sequence,
    element(TAG.integer, Uint8Array.of(1)),
    element(TAG.octetString, key.material),
    element(context(1), element(TAG.bitString, Uint8Array.of(0), point))
  )
  return writePkcs8(identifier(curve), inner)
}

const SIGN: Roles = { private: ["sign"], public: ["verify"] }
const DERIVE: Roles = { private: ["deriveKey", "deriveBits"], public: [] }

const hashParams = (given: Readonly<Record<string, unknown>>): object => ({
  hash: hashMember(required(given, "hash", "ECDSA"))
})
const hashOf = (params: Params): HashName => (params["hash"] as { readonly name: HashName }).name

const needType = (key: KeyState, type: "private" | "public"): void => {
  if (key.type !== type) throw invalidAccess(`the key is not the ${type} one`)
}

export const ECDSA: Algorithm = {
  name: "ECDSA",
  params: { generateKey: curveParams, importKey: curveParams, sign: hashParams, verify: hashParams },
  generateKey: generate("ECDSA", SIGN),
  importKey: importEc("ECDSA", SIGN, true),
  exportKey: exportEc,
  sign: (params, key, data) => {
    needType(key, "private")
    return lib().ecdsaSign(keyCurve(key), hashOf(params), key.material, data)
  },
  verify: (params, key, signature, data) => {
    needType(key, "public")
    return lib().ecdsaVerify(keyCurve(key), hashOf(params), key.material, signature, data)
  }
}

export const ECDH: Algorithm = {
  name: "ECDH",
  params: {
    generateKey: curveParams,
    importKey: curveParams,
    deriveBits: (given) => {
      const other = required(given, "public", "ECDH")
      if (!isCryptoKey(other)) throw new TypeError("ECDH's public is not a CryptoKey")
      return { public: keyState(other) }
    }
  },
  generateKey: generate("ECDH", DERIVE),
  importKey: importEc("ECDH", DERIVE, false),
  exportKey: exportEc,
  deriveBits: (params, key, bits) => {
    needType(key, "private")
    const other = params["public"] as KeyState
    if (other.type !== "public" || other.algorithm.name !== "ECDH" || keyCurve(other) !== keyCurve(key)) {
      throw invalidAccess("the public key is not one of the same curve for ECDH")
    }
    const secret = lib().ecdh(keyCurve(key), key.material, other.material)
    if (bits === null) return secret
    if (bits > secret.length * 8) throw operationError("the shared secret has not that many bits")
    return firstBits(secret, bits)
  }
}

/** The first bits; what is left of the last byte is zero. */
export const firstBits = (secret: Uint8Array, bits: number): Uint8Array => {
  const out = secret.slice(0, Math.ceil(bits / 8))
  const over = bits % 8
  if (over > 0) out[out.length - 1] = (out.at(-1) as number) & (0xff << (8 - over))
  return out
}
