import { darkColours, lightColours, reportStyle } from '../report/style.ts';

/** The report's pictures, and what a page of many screens has besides. */
export const dashboardStyle = `${reportStyle}
@media (prefers-color-scheme:dark){:root{color-scheme:dark}}
:root[data-theme=light]{color-scheme:light;${lightColours}}
:root[data-theme=dark]{color-scheme:dark;${darkColours}}
a{color:var(--cpu)}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible{outline:3px solid var(--cpu);outline-offset:2px}
h1:focus{outline:none}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--ground);padding:.5rem;z-index:2}
body>div>header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;justify-content:space-between;border-bottom:1px solid var(--line);padding-bottom:.5rem;margin-bottom:1rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem;margin:0;padding:0}
nav a{display:inline-block;padding:.45rem .6rem;border-radius:6px;text-decoration:none}
nav a[aria-current]{background:var(--card);border:1px solid var(--line);font-weight:600;color:var(--ink)}
.settings{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
button,input,select{font:inherit;color:inherit;background:var(--ground);border:1px solid var(--soft);border-radius:6px;padding:.35rem .6rem;min-height:2.2rem;max-width:100%}
input[type=checkbox]{min-height:0}
button{cursor:pointer;background:var(--card)}button:disabled{cursor:not-allowed;color:var(--soft)}
.filters,.sign-in{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:end;margin:1rem 0}
.sign-in{flex-direction:column;align-items:flex-start}
.age{color:var(--soft);margin:.2rem 0 1rem}
.problem{border-left:4px solid var(--bad);padding:.4rem .8rem;margin:1rem 0;background:var(--card);overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem}
.host{content-visibility:auto;contain-intrinsic-size:auto 8rem}
.cells{letter-spacing:.1em}.cells a{text-decoration:none}
.cells a.good{color:var(--good)}.cells a.busy{color:var(--busy)}.cells a.bad{color:var(--bad)}.cells a.idle{color:var(--idle)}
ul.names{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.3rem;padding:0}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.4rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
svg.score{width:10rem;min-width:6rem;height:.6rem;background:var(--card);border:1px solid var(--line);vertical-align:middle}
svg.score .cpu{fill:var(--cpu)}svg.score .memory{fill:var(--memory)}svg.score .slots{fill:var(--slots)}svg.score .disk{fill:var(--idle)}
.planned{border:1px solid var(--line);border-radius:6px;padding:0 1rem 1rem}
code{overflow-wrap:anywhere}
`;
