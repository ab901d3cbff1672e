// A webhook: it takes a message only when its sender knows the shared secret, and only while the message is fresh.
//
// The sender signs "<seconds since 1970>.<body>" with HMAC-SHA256 and sends two headers:
//   X-Timestamp: 1769592600
//   X-Signature: sha256=<the signature in hexadecimal>
//
// The secret comes from the function's environment, never from its code:
//   bunbase fn deploy my-webhook examples/webhook.ts --env WEBHOOK_SECRET=change-me
//   body='{"event":"ping"}'; now=$(date +%s)
//   sig=$(printf '%s.%s' "$now" "$body" | openssl dgst -sha256 -hmac change-me -hex | sed 's/.* //')
//   curl http://127.0.0.1:8080/functions/my-webhook -d "$body" -H "X-Timestamp: $now" -H "X-Signature: sha256=$sig"

/** An older message may be a copy that somebody recorded and sends again. */
const MOST_SECONDS = 300

export default async function handler(req: Request): Promise<Response> {
  if (req.method !== "POST") {
    return Response.json({ error: "use POST" }, { status: 405, headers: { allow: "POST" } })
  }
  const secret = process.env.WEBHOOK_SECRET
  if (!secret) {
    return Response.json({ error: "WEBHOOK_SECRET is not set for this function" }, { status: 503 })
  }

  const timestamp = req.headers.get("x-timestamp") ?? ""
  const signature = fromHex(req.headers.get("x-signature")?.match(/^sha256=([0-9a-f]{64})$/i)?.[1])
  if (!/^\d{1,12}$/.test(timestamp) || signature === null) {
    return Response.json({ error: "X-Timestamp or X-Signature is missing or malformed" }, { status: 400 })
  }

  // What was signed is the body's exact bytes, so they are read once and parsed only after the check.
  const body = new Uint8Array(await req.arrayBuffer())
  const signed = concat(new TextEncoder().encode(`${timestamp}.`), body)
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"]
  )
  // `verify` takes the same time wherever the first wrong byte is. Comparing two strings with === would not, and an
  // attacker could guess the signature byte by byte.
  if (!(await crypto.subtle.verify("HMAC", key, signature, signed))) {
    return Response.json({ error: "the signature is wrong" }, { status: 401 })
  }
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > MOST_SECONDS) {
    return Response.json({ error: `the message is more than ${MOST_SECONDS} seconds old` }, { status: 401 })
  }

  let message: unknown
  try {
    message = JSON.parse(new TextDecoder().decode(body))
  } catch {
    return Response.json({ error: "the body is not JSON" }, { status: 400 })
  }
  console.log("accepted", message)
  return Response.json({ accepted: true }, { status: 202 })
}

function fromHex(hex: string | undefined): Uint8Array<ArrayBuffer> | null {
  if (hex === undefined) return null
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}
