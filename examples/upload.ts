// A form with files: open it in a browser, or send files with curl.
//
//   http://127.0.0.1:8080/functions/upload
//   curl http://127.0.0.1:8080/functions/upload -F note=hello -F file=@README.md -F file=@package.json
//   → {"fields":{"note":["hello"]},"files":[{"field":"file","name":"README.md","type":"…","size":…,"sha256":"…"},…]}

const page = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>Upload</title>
  <h1>Upload</h1>
  <form method="post" enctype="multipart/form-data">
    <p><label>Note <input name="note"></label></p>
    <p><label>Files <input type="file" name="file" multiple></label></p>
    <p><button>Send</button></p>
  </form>
</html>
`

export default async function handler(req: Request): Promise<Response> {
  if (req.method === "GET" || req.method === "HEAD") {
    return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } })
  }
  if (req.method !== "POST") {
    return Response.json({ error: "use GET or POST" }, { status: 405, headers: { allow: "GET, HEAD, POST" } })
  }

  const form = await req.formData().catch(() => null)
  if (form === null) {
    return Response.json({ error: "send a form: multipart/form-data with your files" }, { status: 415 })
  }

  const fields: Record<string, Array<string>> = {}
  const files: Array<unknown> = []
  for (const [field, value] of form.entries()) {
    if (typeof value === "string") {
      ;(fields[field] ??= []).push(value)
    } else if (value.size > 0 || value.name !== "") {
      const bytes = await value.arrayBuffer()
      files.push({ field, name: value.name, type: value.type, size: value.size, sha256: await sha256(bytes) })
    } // else: a browser sends an empty file where none was chosen
  }
  return Response.json({ fields, files })
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
