import { dataSuite } from "../wpt/dataSuite.ts"

dataSuite("base64.json")
