/** How the page looks: light and dark by the reader's own setting, and on paper. */
export const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --line: #d8dee4; --faint: #6a737d; --hover: #fff8c5;
  --queue: #c9d1d9; --dns: #b392f0; --connect: #9a6700; --tls: #d18616; --send: #1f883d; --wait: #79b8ff; --receive: #0550ae;
  --failed: #cf222e; --skipped: #8c959f; --done: #57606a; --backoff: #e36209; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --faint: #8b949e; --hover: #272115;
    --queue: #484f58; --dns: #d2a8ff; --connect: #bb8009; --tls: #f0883e; --send: #3fb950; --wait: #388bfd; --receive: #a5d6ff;
    --failed: #f85149; --skipped: #6e7681; --done: #8b949e; --backoff: #ffa657; }
}
* { box-sizing: border-box; }
body { margin: 1rem; font: 13px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.2rem; margin: 0 0 .25rem; } h2 { font-size: .95rem; margin: 0; }
p { margin: .25rem 0; } .faint { color: var(--faint); } code { font: 12px ui-monospace, monospace; overflow-wrap: anywhere; }
.note { border-left: 3px solid var(--backoff); padding-left: .5rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem .9rem; margin: .5rem 0; } .legend span::before { content: ""; display: inline-block;
  width: 10px; height: 10px; margin-right: .3rem; background: var(--c); }
.tools button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 4px; padding: 0 .6rem; cursor: pointer; }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.sheet { position: relative; width: calc(100% * var(--zoom, 1)); min-width: 100%; padding-bottom: .5rem; }
.axis { position: relative; height: 1.4rem; border-bottom: 1px solid var(--line); } .axis span { position: absolute; padding-left: 3px;
  border-left: 1px solid var(--line); color: var(--faint); height: 100%; white-space: nowrap; font-size: 11px; }
section { border-top: 1px solid var(--line); } .name { position: sticky; left: 0; display: inline-block; padding: .35rem .5rem .1rem; max-width: 100vw; }
.rows { position: relative; } .bar, .try, .gap { position: absolute; min-width: 1px; }
.bar { height: 15px; border-top: 3px solid var(--done); overflow: hidden; white-space: nowrap; font-size: 10px; line-height: 12px; }
.bar.failed { border-top-color: var(--failed); } .bar.skipped { border-top-color: var(--skipped); }
.try { height: 9px; top: 3px; } .try.failed { outline: 1px solid var(--failed); outline-offset: -1px; }
.gap { height: 3px; top: 6px; background: repeating-linear-gradient(90deg, var(--backoff) 0 3px, transparent 3px 6px); }
.label { position: relative; padding: 0 3px; mix-blend-mode: normal; text-shadow: 0 0 2px var(--paper), 0 0 2px var(--paper); pointer-events: none; }
.bar:hover { background: var(--hover); overflow: visible; z-index: 2; }
.flow { display: block; width: 100%; height: 34px; } .flow polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.flow .sent { stroke: var(--send); } .flow .received { stroke: var(--receive); }
.phase { background: color-mix(in srgb, var(--wait) 25%, transparent); } .link { background: color-mix(in srgb, var(--backoff) 30%, transparent); }
table { border-collapse: collapse; margin-top: .5rem; } td, th { text-align: left; padding: .1rem .8rem .1rem 0; font-weight: normal; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
#tip { position: fixed; display: none; z-index: 9; max-width: 44rem; padding: .4rem .6rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--paper);
  border: 1px solid var(--line); border-radius: 4px; box-shadow: 0 2px 8px rgb(0 0 0 / .25); font-size: 12px; pointer-events: none; }
@media print { .tools { display: none; } .frame { overflow: visible; } .sheet { width: 100% !important; } section { break-inside: avoid-page; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
