import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const random: ReadonlyArray<WorkerCase> = [
  {
    name: "random values fill arrays of integers, up to 65,536 bytes",
    run: async ({ threw }) => {
      const array = crypto.getRandomValues(new Uint32Array(64))
      return [
        array.length,
        new Set(array).size > 60,
        await threw(() => crypto.getRandomValues(new Float32Array(1) as never)),
        await threw(() => crypto.getRandomValues(new DataView(new ArrayBuffer(1)) as never)),
        await threw(() => crypto.getRandomValues(new Uint8Array(65_537))),
        crypto.getRandomValues(new Uint8Array(65_536)).length,
        crypto.getRandomValues(new BigUint64Array(1)).length
      ]
    },
    expected: [64, true, "TypeMismatchError", "TypeMismatchError", "QuotaExceededError", 65_536, 1],
    bun: {
      expected: [64, true, "TypeMismatchError", "TypeMismatchError", "nothing", 65_536, 1],
      why: "Bun fills arrays of any length"
    }
  },
  {
    name: "UUIDs are of version 4 and never the same",
    run: () => {
      const all = Array.from({ length: 200 }, () => crypto.randomUUID())
      return [
        all.every((one) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(one)),
        new Set(all).size
      ]
    },
    expected: [true, 200]
  }
]

const known: ReadonlyArray<WorkerCase> = [
  {
    name: "digests of FIPS 180's example",
    run: async () => {
      const hex = (buffer: ArrayBuffer): string =>
        [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const data = new TextEncoder().encode("abc")
      const all = ["SHA-1", "sha-256", { name: "SHA-384" }, "SHA-512"]
      const digests = await Promise.all(all.map((name) => crypto.subtle.digest(name, data)))
      return digests.map((one) => hex(one).slice(0, 16))
    },
    expected: ["a9993e364706816a", "ba7816bf8f01cfea", "cb00753f45a35e8b", "ddaf35a193617aba"]
  },
  {
    name: "HMAC of RFC 4231, case 2",
    run: async () => {
      const text = new TextEncoder()
      const key = await crypto.subtle.importKey(
        "raw",
        text.encode("Jefe"),
        { name: "HMAC", hash: "SHA-256" },
        true,
        ["sign", "verify"]
      )
      const data = text.encode("what do ya want for nothing?")
      const signature = await crypto.subtle.sign("HMAC", key, data)
      const wrong = new Uint8Array(signature.slice(0))
      wrong[0] = (wrong[0] as number) ^ 1
      return [
        [...new Uint8Array(signature)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
        await crypto.subtle.verify("HMAC", key, signature, data),
        await crypto.subtle.verify("HMAC", key, wrong, data),
        await crypto.subtle.verify("HMAC", key, signature.slice(1), data),
        await crypto.subtle.exportKey("jwk", key)
      ]
    },
    expected: [
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      true,
      false,
      false,
      { kty: "oct", k: "SmVmZQ", alg: "HS256", key_ops: ["sign", "verify"], ext: true }
    ]
  },
  {
    name: "AES-GCM of the GCM specification, test case 4",
    run: async ({ threw }) => {
      const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
        Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      const hex = (buffer: ArrayBuffer): string =>
        [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const key = await crypto.subtle.importKey(
        "raw",
        bytes("feffe9928665731c6d6a8f9467308308"),
        "AES-GCM",
        false,
        ["encrypt", "decrypt"]
      )
      const params = {
        name: "AES-GCM",
        iv: bytes("cafebabefacedbaddecaf888"),
        additionalData: bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")
      }
      const plain = bytes(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
      )
      const sealed = await crypto.subtle.encrypt(params, key, plain)
      const broken = new Uint8Array(sealed.slice(0))
      broken[3] = (broken[3] as number) ^ 1
      return [
        hex(sealed).slice(0, 32),
        hex(sealed).slice(-32),
        hex(await crypto.subtle.decrypt(params, key, sealed)) === hex(plain.buffer),
        await threw(() => crypto.subtle.decrypt(params, key, broken)),
        await threw(() => crypto.subtle.decrypt({ ...params, additionalData: bytes("00") }, key, sealed)),
        await threw(() => crypto.subtle.decrypt(params, key, new Uint8Array(3))),
        await threw(() => crypto.subtle.exportKey("raw", key))
      ]
    },
    expected: [
      "42831ec2217774244b7221b784d0d49c",
      "5bc94fbc3221a5db94fae95ae7121a47",
      true,
      "OperationError",
      "OperationError",
      "OperationError",
      "InvalidAccessError"
    ]
  },
  {
    name: "HKDF of RFC 5869, case 1, and PBKDF2 of RFC 7914",
    run: async () => {
      const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
        Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      const hex = (buffer: ArrayBuffer): string =>
        [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const input = await crypto.subtle.importKey("raw", bytes("0b".repeat(22)), "HKDF", false, [
        "deriveBits"
      ])
      const hkdf = await crypto.subtle.deriveBits(
        {
          name: "HKDF",
          hash: "SHA-256",
          salt: bytes("000102030405060708090a0b0c"),
          info: bytes("f0f1f2f3f4f5f6f7f8f9")
        },
        input,
        336
      )
      const text = new TextEncoder()
      const password = await crypto.subtle.importKey("raw", text.encode("passwd"), "PBKDF2", false, [
        "deriveBits",
        "deriveKey"
      ])
      const params = { name: "PBKDF2", hash: "SHA-256", salt: text.encode("salt"), iterations: 1 }
      const pbkdf2 = await crypto.subtle.deriveBits(params, password, 512)
      const derived = await crypto.subtle.deriveKey(
        params,
        password,
        { name: "AES-GCM", length: 256 },
        true,
        ["encrypt"]
      )
      return [
        hex(hkdf),
        hex(pbkdf2).slice(0, 32),
        hex(await crypto.subtle.exportKey("raw", derived)) === hex(pbkdf2.slice(0, 32))
      ]
    },
    expected: [
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
      "55ac046e56e3089fec1691c22544b605",
      true
    ]
  },
  {
    name: "Ed25519 of RFC 8032, test 2",
    run: async () => {
      const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
        Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      const hex = (buffer: ArrayBuffer): string =>
        [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const seed = bytes(
        "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
      )
      const own = await crypto.subtle.importKey("pkcs8", seed, "Ed25519", true, ["sign"])
      const other = await crypto.subtle.importKey(
        "raw",
        bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
        "Ed25519",
        true,
        ["verify"]
      )
      const signature = await crypto.subtle.sign("Ed25519", own, bytes("72"))
      return [
        hex(signature).slice(0, 32),
        await crypto.subtle.verify("Ed25519", other, signature, bytes("72")),
        await crypto.subtle.verify("Ed25519", other, signature, bytes("73")),
        hex(await crypto.subtle.exportKey("pkcs8", own)) === hex(seed.buffer),
        (await crypto.subtle.exportKey("jwk", own)).x
      ]
    },
    expected: [
      "92a009a9f0d4cab8720e820b5f642540",
      true,
      false,
      true,
      "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"
    ]
  },
  {
    name: "ECDSA verifies what it signed, in every format of its keys",
    run: async ({ threw }) => {
      const params = { name: "ECDSA", namedCurve: "P-256" }
      const sign = { name: "ECDSA", hash: "SHA-256" }
      const data = new TextEncoder().encode("sample")
      const pair = (await crypto.subtle.generateKey(params, true, ["sign", "verify"])) as CryptoKeyPair
      const signature = await crypto.subtle.sign(sign, pair.privateKey, data)
      const verified: Array<unknown> = []
      for (const format of ["raw", "spki", "jwk"] as const) {
        const exported = (await crypto.subtle.exportKey(format as "raw", pair.publicKey)) as never
        const key = await crypto.subtle.importKey(format as "raw", exported, params, true, ["verify"])
        verified.push(await crypto.subtle.verify(sign, key, signature, data))
      }
      for (const format of ["pkcs8", "jwk"] as const) {
        const exported = (await crypto.subtle.exportKey(format as "pkcs8", pair.privateKey)) as never
        const key = await crypto.subtle.importKey(format as "pkcs8", exported, params, true, ["sign"])
        const again = await crypto.subtle.sign(sign, key, data)
        verified.push(await crypto.subtle.verify(sign, pair.publicKey, again, data))
      }
      return [
        signature.byteLength,
        verified,
        await crypto.subtle.verify(sign, pair.publicKey, signature, new Uint8Array(1)),
        await threw(() => crypto.subtle.sign(sign, pair.publicKey, data)),
        await threw(() => crypto.subtle.importKey("raw", new Uint8Array(65), params, true, ["verify"])),
        await threw(() => crypto.subtle.exportKey("raw", pair.privateKey)),
        [pair.privateKey.type, pair.privateKey.usages, pair.publicKey.usages, pair.publicKey.extractable]
      ]
    },
    expected: [
      64,
      [true, true, true, true, true],
      false,
      "InvalidAccessError",
      "DataError",
      "InvalidAccessError",
      ["private", ["sign"], ["verify"], true]
    ]
  },
  {
    name: "a signature of RFC 6979's key is verified",
    run: async () => {
      const bytes = (hex: string): Uint8Array<ArrayBuffer> =>
        Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      const x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
      const y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
      const key = await crypto.subtle.importKey(
        "raw",
        bytes(`04${x}${y}`),
        { name: "ECDSA", namedCurve: "P-256" },
        true,
        ["verify"]
      )
      const r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      const s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
      return crypto.subtle.verify(
        { name: "ECDSA", hash: "SHA-256" },
        key,
        bytes(r + s),
        new TextEncoder().encode("sample")
      )
    },
    expected: true
  },
  {
    name: "ECDH: both sides have the same secret",
    run: async () => {
      const params = { name: "ECDH", namedCurve: "P-256" }
      const make = (): Promise<CryptoKeyPair> =>
        crypto.subtle.generateKey(params, false, ["deriveBits"]) as Promise<CryptoKeyPair>
      const [a, b] = await Promise.all([make(), make()])
      const left = await crypto.subtle.deriveBits({ name: "ECDH", public: b.publicKey }, a.privateKey, 256)
      const right = await crypto.subtle.deriveBits({ name: "ECDH", public: a.publicKey }, b.privateKey, 256)
      return new Uint8Array(left).every((byte, at) => byte === new Uint8Array(right)[at])
    },
    expected: true
  },
  {
    name: "keys are wrapped and unwrapped",
    run: async () => {
      const wrapping = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
        "wrapKey",
        "unwrapKey"
      ])
      const secret = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-512" }, true, ["sign"])
      const params = { name: "AES-GCM", iv: new Uint8Array(12) }
      const results: Array<boolean> = []
      for (const format of ["raw", "jwk"] as const) {
        const wrapped = await crypto.subtle.wrapKey(format, secret, wrapping, params)
        const again = await crypto.subtle.unwrapKey(
          format,
          wrapped,
          wrapping,
          params,
          { name: "HMAC", hash: "SHA-512" },
          true,
          ["sign"]
        )
        const data = new Uint8Array(3)
        const [one, two] = await Promise.all([
          crypto.subtle.sign("HMAC", secret, data),
          crypto.subtle.sign("HMAC", again, data)
        ])
        results.push(new Uint8Array(one).every((byte, at) => byte === new Uint8Array(two)[at]))
      }
      return results
    },
    expected: [true, true]
  }
]

const refused: ReadonlyArray<WorkerCase> = [
  {
    name: "what is not offered, not meant or not well-formed is refused by its own error",
    run: async ({ threw }) => {
      const data = new Uint8Array(4)
      const hmac = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"])
      return Promise.all([
        threw(() => crypto.subtle.digest("MD5", data)),
        threw(() => crypto.subtle.digest("SHA-256", "text" as never)),
        threw(() => crypto.subtle.verify("HMAC", hmac, data, data)),
        threw(() => crypto.subtle.encrypt({ name: "AES-GCM", iv: data }, hmac, data)),
        threw(() => crypto.subtle.exportKey("raw", hmac)),
        threw(() => crypto.subtle.generateKey({ name: "AES-GCM", length: 100 }, true, ["encrypt"])),
        threw(() => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, [])),
        threw(() => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["encrypt"])),
        threw(() => crypto.subtle.importKey("raw", data, "AES-GCM", true, ["encrypt"])),
        threw(() => crypto.subtle.importKey("pkcs8", data, "Ed25519", true, ["sign"])),
        threw(() =>
          crypto.subtle.importKey("jwk", { kty: "oct" }, { name: "HMAC", hash: "SHA-1" }, true, ["sign"])
        ),
        threw(() => crypto.subtle.importKey("nonsense" as "raw", data, "HKDF", false, ["deriveBits"])),
        threw(() => new (CryptoKey as unknown as new () => CryptoKey)()),
        threw(() => new (SubtleCrypto as unknown as new () => SubtleCrypto)())
      ])
    },
    expected: [
      "NotSupportedError",
      "TypeError",
      "InvalidAccessError",
      "InvalidAccessError",
      "InvalidAccessError",
      "OperationError",
      "SyntaxError",
      "SyntaxError",
      "DataError",
      "DataError",
      "DataError",
      "TypeError",
      "TypeError",
      "TypeError"
    ]
  },
  {
    name: "data are taken once the algorithm is read, and before the operation",
    run: async () => {
      const given = Uint8Array.of(0, 2, 3)
      const algorithm = {
        get name() {
          given[0] = 1
          return "SHA-256"
        }
      }
      const answer = crypto.subtle.digest(algorithm, given)
      given[1] = 9
      const expected = await crypto.subtle.digest("SHA-256", Uint8Array.of(1, 2, 3))
      return String(new Uint8Array(await answer)) === String(new Uint8Array(expected))
    },
    expected: true
  }
]

runCases("crypto", random)
runCases("crypto.subtle", [...known, ...refused])
