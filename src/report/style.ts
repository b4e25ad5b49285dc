export const lightColours =
  '--ground:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa;--good:#0b6e3b;--busy:#7a4f00;--bad:#a4161a;--idle:#57606a;--cpu:#0550ae;--memory:#8a3b00;--slots:#6e1b8a';
export const darkColours =
  '--ground:#0d1117;--ink:#e6edf3;--soft:#9aa5b1;--line:#30363d;--card:#161b22;--good:#56d364;--busy:#e3b341;--bad:#ff8b85;--idle:#9aa5b1;--cpu:#79b8ff;--memory:#ffb77c;--slots:#d8b4fe';

/**
 * Colours of both themes have a contrast of at least 4.5 to 1 against their ground; nothing is told
 * by colour alone.
 */
export const reportStyle = `
:root{${lightColours}}
@media (prefers-color-scheme:dark){:root{${darkColours}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
h1{margin:0;font-size:1.6rem}h2{margin:2rem 0 .5rem;font-size:1.2rem;border-bottom:1px solid var(--line)}h3{margin:1rem 0 .3rem;font-size:1rem}
small,caption,footer,header p{color:var(--soft)}
ul.map{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.5rem;margin:0;padding:0}
.host{display:flex;flex-direction:column;padding:.5rem;background:var(--card);border:1px solid var(--line);border-radius:6px;overflow-wrap:anywhere}
.host.away{border-style:dashed}
.cells{line-height:1.2}.cell{font-size:1.05rem}.good{color:var(--good)}.busy{color:var(--busy)}.bad,.low{color:var(--bad)}.idle{color:var(--idle)}.low{font-weight:600}
.wide{overflow-x:auto}.wide:focus{outline:2px solid var(--cpu)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}caption{text-align:left;padding:.3rem 0}caption span{position:sticky;left:0;display:inline-block;max-width:calc(100vw - 2rem)}th[scope=row]{position:sticky;left:0;background:var(--ground)}
th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}td:last-child{white-space:normal;min-width:9rem}th[scope=row]{font-weight:600}
svg{width:100%;min-width:36rem;max-width:60rem;height:auto}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.grid{stroke:var(--line)}.trend{fill:none;stroke-width:2}
.trend.cpu{stroke:var(--cpu)}.trend.memory{stroke:var(--memory)}.trend.slots{stroke:var(--slots)}
svg text.cpu{fill:var(--cpu)}svg text.memory{fill:var(--memory)}svg text.slots{fill:var(--slots)}
`;
