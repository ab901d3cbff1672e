/** What the HTML report brings along: it loads nothing from anywhere. */

export const STYLE = `
:root { color-scheme: light dark;
  --page: #fff; --text: #1c2126; --soft: #5b6570; --line: #d9dee3; --box: #f5f7f9; --link: #0b5cad;
  --passed: #176b35; --passed-box: #e2f4e8; --failed: #a8121f; --failed-box: #fde6e8;
  --untested: #7a5200; --untested-box: #fff1cf; --na: #5b6570; --na-box: #eceff2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14181c; --text: #e4e8ec; --soft: #9aa5b1; --line: #323a43; --box: #1c2228; --link: #7cb8f5;
  --passed: #7fdc9f; --passed-box: #173424; --failed: #ff9aa2; --failed-box: #45191e;
  --untested: #f4c95d; --untested-box: #3b2f10; --na: #9aa5b1; --na-box: #272e35; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 90rem; padding: 1.5rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
section h3 { font-size: 1.05rem; margin: 1.5rem 0 .3rem }
p { max-width: 60rem } a { color: var(--link) }
code, pre { font: 13px/1.45 ui-monospace, monospace } code { overflow-wrap: anywhere }
.soft { color: var(--soft) } .small { font-size: 13px }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); margin: 1rem 0 }
.card { border: 1px solid var(--line); border-radius: 8px; background: var(--box); padding: .8rem 1rem }
.card h3 { margin: 0 0 .4rem; font-size: 1.05rem; display: flex; gap: .6rem; align-items: center; flex-wrap: wrap }
.card dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .5rem 0 0; font-size: 13px }
.card dt { color: var(--soft) } .card dd { margin: 0; overflow-wrap: anywhere }
.badge { display: inline-block; border-radius: 4px; padding: 0 .45rem; font-size: 13px; font-weight: 600; white-space: nowrap }
.passed { color: var(--passed); background: var(--passed-box) } .failed { color: var(--failed); background: var(--failed-box) }
.untested, .unchecked { color: var(--untested); background: var(--untested-box) } .not-applicable { color: var(--na); background: var(--na-box) }
.filter { position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--line);
  padding: .6rem 0; display: flex; gap: .8rem; flex-wrap: wrap; align-items: center; margin-top: 1.5rem }
input, select, button { font: inherit; color: inherit; background: var(--box); border: 1px solid var(--line); border-radius: 5px; padding: .2rem .5rem }
table { border-collapse: collapse; width: 100% } .scroll { overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line) }
thead th { font-size: 13px; color: var(--soft) } td.id { white-space: nowrap; font-weight: 600 }
td.result { width: 11rem } tr:target, article:target { outline: 2px solid var(--link) }
details > summary { cursor: pointer } details[open] > summary { margin-bottom: .4rem }
ul.cases { list-style: none; margin: .3rem 0 0; padding: 0; font-size: 13px } ul.cases li { margin: .15rem 0 }
article { border: 1px solid var(--line); border-left: 4px solid var(--failed); border-radius: 6px; padding: .6rem 1rem; margin: .8rem 0 }
article h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 5px; padding: .6rem; overflow: auto; max-height: 32rem; margin: .4rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.transcript b { font-weight: 600 } .transcript .suite { color: var(--link) } .transcript .note { color: var(--soft) }
[hidden] { display: none !important }
@media print { .filter { display: none } }
`

/** Filters the rows by what they say of themselves in data attributes; without scripts everything is shown. */
export const SCRIPT = `
const form = document.querySelector(".filter"), rows = [...document.querySelectorAll("tr[data-status]")]
const shown = document.querySelector("#shown"), sections = [...document.querySelectorAll("section[data-area]")]
const apply = () => {
  const { text, status, level, area } = Object.fromEntries(new FormData(form))
  const words = text.toLowerCase().split(/\\s+/).filter(Boolean)
  let count = 0
  for (const row of rows) {
    const { dataset } = row
    const fits = (!status || dataset.status.split(" ").includes(status)) && (!level || dataset.level === level) &&
      (!area || dataset.area === area) && words.every((word) => dataset.text.includes(word))
    row.hidden = !fits
    count += fits ? 1 : 0
  }
  for (const section of sections) section.hidden = !section.querySelector("tr[data-status]:not([hidden])")
  shown.textContent = count + " of " + rows.length
}
form.hidden = false
form.addEventListener("input", apply)
form.addEventListener("reset", () => setTimeout(apply))
form.addEventListener("submit", (event) => event.preventDefault())
addEventListener("hashchange", () => { form.reset() })
apply()
`
