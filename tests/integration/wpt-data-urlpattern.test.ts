import { dataSuite } from "../wpt/dataSuite.ts"

dataSuite("urlpatterntestdata.json")
